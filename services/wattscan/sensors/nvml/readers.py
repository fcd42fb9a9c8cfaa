"""The three sensors. Each has, for each GPU, the call that answered when it was found."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from wattscan.contracts import EnergyReading, Method, PowerReading, SensorFailed, TemperatureReading
from wattscan.sensors.nvml.library import reason
from wattscan.units import Celsius, Joules, Seconds, joules_from_millijoules, watts_from_milliwatts

Channels: TypeAlias = Mapping[str, Callable[[], Any]]
"""GPU, such as `gpu0` -> a call."""

# Boards renew their figures every 20 to 100 ms.
_UPDATE_PERIOD = Seconds(0.1)


def _answers(nvml: ModuleType, channels: Channels) -> dict[str, Any]:
    """What the GPUs that can be read say. Raises: SensorFailed when none can."""
    values: dict[str, Any] = {}
    failure: SensorFailed | None = None
    for domain, read in channels.items():
        try:
            values[domain] = read()
        except nvml.NVMLError as error:
            failure = SensorFailed(reason(nvml, error), f"{domain}: {error}")
    if failure and not values:
        raise failure
    return values


class Computing:
    """Which GPUs this process computes on: those that stand for its device."""

    def __init__(self, nvml: ModuleType, gpus: Mapping[str, Any], named: bool) -> None:
        """`gpus`: name -> handle, of those that tell what they take; `named`: whether the target
        names them."""
        self._nvml = nvml
        self._gpus = gpus
        self._named = named

    def of(self, domains: Collection[str]) -> Sequence[str]:
        """Those GPUs, if all are among the domains: a part of them would be too little.

        Where the driver does not know of this process, as before its first model or in a container:
        all that the target names, else the first GPU.
        """
        busy = [gpu for gpu, handle in self._gpus.items() if self._computes_on(handle)]
        default = list(self._gpus) if self._named else list(self._gpus)[:1]
        chosen = busy or default
        return chosen if set(chosen) <= set(domains) else []

    def _computes_on(self, handle: Any) -> bool:
        try:
            processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        except self._nvml.NVMLError:
            return False
        return any(process.pid == os.getpid() for process in processes)


class _Boards:
    """GPUs whose boards tell what they take."""

    update_period = _UPDATE_PERIOD

    def __init__(
        self,
        nvml: ModuleType,
        channels: Channels,
        uncertainty_ratio: float,
        computing: Computing,
        name: str = "nvml",
    ) -> None:
        self.name = name
        self.uncertainty_ratio = uncertainty_ratio
        self._nvml = nvml
        self._channels = channels
        self._computing = computing

    def device_domains(self, _moved: Mapping[str, Joules]) -> Sequence[str]:
        """The GPUs (`contracts.Covering`) that the models run on, whether they have moved or
        not."""
        return self._computing.of(self._channels)


class NvmlEnergy(_Boards):
    """The energy counters of the GPUs that have one (Volta and later)."""

    method: Method = "counter"

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading a GPU that answers. Raises: SensorFailed when none does."""
        return [
            EnergyReading(domain, "board", joules_from_millijoules(millijoules))
            for domain, millijoules in _answers(self._nvml, self._channels).items()
        ]


class NvmlPower(_Boards):
    """The power of the GPUs without an energy counter."""

    # 50 Hz: nothing tells what it takes between two readings.
    longest_interval = Seconds(0.02)

    def read_power(self) -> Sequence[PowerReading]:
        """One reading a GPU that answers. Raises: SensorFailed when none does."""
        return [
            PowerReading(domain, "board", watts_from_milliwatts(milliwatts), stamp)
            for domain, (milliwatts, stamp) in _answers(self._nvml, self._channels).items()
        ]


class NvmlTemperature:
    """The temperature of each GPU's die, and whether it is slowed."""

    name = "nvml_temperature"

    def __init__(self, nvml: ModuleType, degrees: Channels, clocks: Channels) -> None:
        self._nvml = nvml
        self._degrees = degrees
        self._clocks = clocks

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a GPU that answers. Raises: SensorFailed when none does."""
        return [
            TemperatureReading(domain, Celsius(degrees))
            for domain, degrees in _answers(self._nvml, self._degrees).items()
        ]

    def throttled(self) -> bool:
        """Whether heat or the power brake slows a GPU now. Raises: SensorFailed."""
        if not self._clocks:
            raise SensorFailed("not_supported", "the driver does not say what slows the clocks")
        slowed = (
            self._nvml.nvmlClocksEventReasonHwSlowdown
            | self._nvml.nvmlClocksEventReasonSwThermalSlowdown
            | self._nvml.nvmlClocksEventReasonHwThermalSlowdown
            | self._nvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
        )
        return any(bits & slowed for bits in _answers(self._nvml, self._clocks).values())
