"""Energy, power and temperature of NVIDIA GPUs, through NVIDIA's management library.

Interface: the NVML API reference, by NVIDIA's binding `pynvml` (package nvidia-ml-py). Each call
can answer NotSupported, or be missing from the driver, by itself, so each is tried on each GPU.
Energy is in millijoules since the driver was loaded, power in milliwatts, both of the whole GPU
with its memory, also where MIG divides it. GPUs are numbered in NVML's order, which is by PCI
address and not CUDA's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from wattscan.contracts import PowerSensor, Sensor, SensorAbsent, WattscanError
from wattscan.sensors.nvml.library import gpus_of, load
from wattscan.sensors.nvml.readers import Computing, NvmlEnergy, NvmlPower, NvmlTemperature
from wattscan.settings import check_keys, uncertainty

# NVML API reference, nvmlDeviceGetPowerUsage: within 5 % of the current draw. NVIDIA says so of
# Fermi and Kepler, and nothing of later ones.
_UNCERTAINTY_RATIO = 0.05


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The machine's NVIDIA GPUs; see `contracts.SensorModule.find`.

    Settings: `uncertainty_ratio` (0.05); `devices`, the indices or UUIDs of the GPUs to read (all).
    Where a GPU is found, the library stays loaded until the process ends.
    """
    check_keys(settings, {"uncertainty_ratio", "devices"})
    ratio = uncertainty(settings, _UNCERTAINTY_RATIO)
    wanted = _wanted(settings)
    nvml = load()
    try:
        return _sensors(nvml, gpus_of(nvml, wanted), ratio, named=wanted is not None)
    except SensorAbsent:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()
        raise


def gauges(settings: Mapping[str, Any]) -> Sequence[PowerSensor]:
    """Instantaneous and mean power of the GPUs that have an energy counter, each as a sensor; see
    `contracts.Verifiable`. Raises: SensorAbsent."""
    wanted = _wanted(settings)
    nvml = load()
    gpus = gpus_of(nvml, wanted)
    counted = {domain: gpus[domain] for domain in _channels(nvml, gpus, _energy)}
    computing = Computing(nvml, counted, wanted is not None)
    ratio = uncertainty(settings, _UNCERTAINTY_RATIO)
    return [
        NvmlPower(nvml, channels, ratio, computing, name)
        for name, call in (("nvml_power_instant", _instant_power), ("nvml_power_usage", _usage))
        if (channels := _channels(nvml, counted, call))
    ]


def device_facts(settings: Mapping[str, Any]) -> Mapping[str, str]:
    """The driver's version and the GPUs' names; see `contracts.Verifiable`. Raises:
    SensorAbsent."""
    nvml = load()
    names = _channels(nvml, gpus_of(nvml, _wanted(settings)), _name)
    facts = {domain: read() for domain, read in names.items()}
    with contextlib.suppress(nvml.NVMLError):
        facts["driver"] = f"NVIDIA {nvml.nvmlSystemGetDriverVersion()}"
    return facts


def _wanted(settings: Mapping[str, Any]) -> list[int | str] | None:
    devices = settings.get("devices")
    if devices is None:
        return None
    if not isinstance(devices, list) or not devices or not all(map(_is_name, devices)):
        raise WattscanError(f"devices must be a list of GPUs' indices or UUIDs, not {devices!r}")
    return devices


def _is_name(device: object) -> bool:
    return isinstance(device, int | str) and not isinstance(device, bool)


def _sensors(nvml: ModuleType, gpus: Mapping[str, Any], ratio: float, named: bool) -> list[Sensor]:
    found: list[Sensor] = []
    energy = _channels(nvml, gpus, _energy)
    rest = {domain: handle for domain, handle in gpus.items() if domain not in energy}
    power = _channels(nvml, rest, _instant_power, _usage)
    metered = {gpu: handle for gpu, handle in gpus.items() if gpu in energy or gpu in power}
    computing = Computing(nvml, metered, named)
    if energy:
        found.append(NvmlEnergy(nvml, energy, ratio, computing))
    if power:
        name = "nvml_power" if energy else "nvml"
        found.append(NvmlPower(nvml, power, ratio, computing, name))
    degrees = _channels(nvml, gpus, _temperature, _older_temperature)
    clocks = _channels(nvml, gpus, _clocks, _older_clocks)
    if degrees:
        found.append(NvmlTemperature(nvml, degrees, clocks))
    if not found:
        raise SensorAbsent(
            f"{', '.join(gpus)}: the driver gives neither energy, power nor temperature, as for a "
            "virtual GPU; measure on its host"
        )
    return found


def _channels(
    nvml: ModuleType, gpus: Mapping[str, Any], *calls: Callable[[ModuleType, Any], Any]
) -> dict[str, Callable[[], Any]]:
    """For each GPU the first call that answers, where one does."""
    channels: dict[str, Callable[[], Any]] = {}
    for domain, handle in gpus.items():
        for call in calls:
            try:
                call(nvml, handle)
            except nvml.NVMLError:
                continue
            channels[domain] = partial(call, nvml, handle)
            break
    return channels


def _energy(nvml: ModuleType, handle: Any) -> int:
    """Millijoules."""
    return int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))


def _instant_power(nvml: ModuleType, handle: Any) -> tuple[int, int | None]:
    """Milliwatts, and the driver's time of the measurement where it tells it."""
    (field,) = nvml.nvmlDeviceGetFieldValues(handle, [nvml.NVML_FI_DEV_POWER_INSTANT])
    # The call succeeds even where the field does not.
    if field.nvmlReturn != nvml.NVML_SUCCESS:
        raise nvml.NVMLError(field.nvmlReturn)
    return field.value.uiVal, field.timestamp or None


def _usage(nvml: ModuleType, handle: Any) -> tuple[int, int | None]:
    """Milliwatts; on Ampere and later, GA100 excepted, the mean of a second."""
    return nvml.nvmlDeviceGetPowerUsage(handle), None


def _name(nvml: ModuleType, handle: Any) -> str:
    return str(nvml.nvmlDeviceGetName(handle))


def _temperature(nvml: ModuleType, handle: Any) -> int:
    """Degrees Celsius."""
    return int(nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU))


def _older_temperature(nvml: ModuleType, handle: Any) -> int:
    """Degrees Celsius, by the call that NVIDIA means to drop with CUDA 14."""
    return int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))


def _clocks(nvml: ModuleType, handle: Any) -> int:
    """The bits of what slows the clocks."""
    return int(nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))


def _older_clocks(nvml: ModuleType, handle: Any) -> int:
    """The same bits, under the name that older drivers have for the call."""
    return int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
