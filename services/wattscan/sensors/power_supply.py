"""Power that a machine draws from its battery or through its power input.

Interface: the kernel's Documentation/ABI/testing/sysfs-class-power. `power_now` is in microwatts,
`voltage_now` in microvolts, `current_now` in microamperes, `temp` in tenths of a degree Celsius.
`energy_now` is the charge that is left, not a count of what was used, and is not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import PowerReading, Sensor, SensorAbsent, SensorFailed, TemperatureReading
from wattscan.settings import check_keys, uncertainty
from wattscan.sysfs import read_available, read_int, read_label
from wattscan.units import (
    Seconds,
    Watts,
    celsius_from_decidegrees,
    watts_from_microvolts_microamperes,
    watts_from_microwatts,
)

# Without a data sheet: the tolerance that fuel gauges' currents commonly state.
_UNCERTAINTY_RATIO = 0.05
MORE_MAY_COME = True  # the power, once the plug is pulled


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """Batteries and power inputs as a power and a temperature sensor; see `SensorModule.find`.

    Settings: `uncertainty_ratio` of the power (0.05).
    """
    check_keys(settings, {"uncertainty_ratio"})
    ratio = uncertainty(settings, _UNCERTAINTY_RATIO)
    root = sysfs / "class" / "power_supply"
    supplies = [folder for folder in sorted(root.glob("*")) if _feeds_the_machine(folder)]
    if not supplies:
        raise SensorAbsent(
            f"no battery and no power input under {root}: usual in desktops, servers, virtual "
            "machines and containers without the host's /sys"
        )
    metered = [folder for folder in supplies if _is_metered(folder)]
    idle = _check_any_in_use(metered)
    zones = {f.name: f / "temp" for f in supplies if (f / "temp").exists()}
    found: list[Sensor] = []
    if metered and not idle:
        found.append(PowerSupplyPower(metered, ratio))
    if zones:
        found.append(PowerSupplyTemperature(zones))
    if not found and idle:
        raise SensorAbsent(f"{idle}: it tells what is drawn when the plug is pulled", awaited=True)
    if not found:
        names = ", ".join(folder.name for folder in supplies)
        raise SensorAbsent(
            f"{names} under {root}: there is no power_now, no pair of voltage_now and current_now, "
            "and no temp; an external meter can measure this machine"
        )
    return found


def _feeds_the_machine(folder: Path) -> bool:
    kind = read_label(folder / "type")
    # `Device`: the battery of a mouse or keyboard. UCSI ports tell what was negotiated over USB
    # Power Delivery, not what flows.
    return (
        (kind in ("Battery", "Mains") or kind.startswith("USB"))
        and read_label(folder / "scope") != "Device"
        and not folder.name.startswith("ucsi-source")
    )


def _is_metered(folder: Path) -> bool:
    return (folder / "power_now").exists() or (
        (folder / "voltage_now").exists() and (folder / "current_now").exists()
    )


def _check_any_in_use(supplies: Sequence[Path]) -> str:
    """Why none says now what the machine draws; empty where one does.

    Raises: SensorAbsent: it may not be read.
    """
    failure: SensorFailed | None = None
    for folder in supplies:
        try:
            _check_in_use(folder)
            _power(folder)
        except SensorFailed as error:
            failure = error
        else:
            return ""
    if failure and failure.reason == "permission":
        raise SensorAbsent(f"{failure}; run as root, or grant it: chmod a+r")
    return str(failure) if failure else ""


def _power(folder: Path) -> Watts:
    # The sign says charging or discharging, and drivers disagree on which is which.
    if (folder / "power_now").exists():
        return watts_from_microwatts(abs(read_int(folder / "power_now")))
    microvolts = read_int(folder / "voltage_now")
    return watts_from_microvolts_microamperes(microvolts, abs(read_int(folder / "current_now")))


def _check_in_use(folder: Path) -> None:
    """Raises: SensorFailed: the reading would not be what the machine draws."""
    if not (folder / "type").exists():
        raise SensorFailed("gone", f"{folder} is no longer there")
    if read_label(folder / "type") != "Battery":
        if read_int(folder / "online") == 0:
            raise SensorFailed("offline", f"{folder.name} is not plugged in")
        return
    status = read_label(folder / "status")
    if status != "Discharging":
        raise SensorFailed("not_discharging", f"{folder.name} is {status or 'of unknown status'}")


class PowerSupplyPower:
    """The power of each battery that discharges and of each input that is plugged in.

    An input's power includes what it charges the battery with.
    """

    name = "power_supply"
    # Fuel gauges renew their figures every 1 to 30 s.
    update_period = Seconds(10.0)

    def __init__(self, supplies: Sequence[Path], uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._supplies = supplies

    def read_power(self) -> Sequence[PowerReading]:
        """One reading a supply in use. Raises: SensorFailed when none can be read."""
        readings: list[PowerReading] = []
        failure: SensorFailed | None = None
        for folder in self._supplies:
            try:
                _check_in_use(folder)
                readings.append(PowerReading(folder.name, "system", _power(folder)))
            except SensorFailed as error:
                failure = error
        if failure and not readings:
            raise failure
        return readings


class PowerSupplyTemperature:
    """One zone a battery with a thermometer."""

    name = "power_supply_temperature"

    def __init__(self, zones: Mapping[str, Path]) -> None:
        self._zones = zones

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a zone. Raises: SensorFailed when none can be read."""
        return [
            TemperatureReading(zone, celsius_from_decidegrees(value))
            for zone, value in read_available(self._zones).items()
        ]
