"""Power and temperature of Linux's hwmon devices.

Interface: the kernel's Documentation/hwmon/sysfs-interface.rst. `power*_average` and
`power*_input` are in microwatts, `temp*_input` in thousandths of a degree Celsius.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import PowerReading, Sensor, SensorAbsent, TemperatureReading
from wattscan.settings import check_keys, uncertainty
from wattscan.sysfs import read_available, read_label
from wattscan.units import Seconds, celsius_from_millidegrees, watts_from_microwatts

# Without a data sheet: the tolerance that regulators' telemetry commonly states.
_UNCERTAINTY_RATIO = 0.05


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """All hwmon devices as a temperature and a power sensor; see `contracts.SensorModule.find`.

    Settings: `uncertainty_ratio` of the power (0.05).
    """
    check_keys(settings, {"uncertainty_ratio"})
    ratio = uncertainty(settings, _UNCERTAINTY_RATIO)
    folder = sysfs / "class" / "hwmon"
    temperatures = _channels(folder, "temp", ("input",))
    powers = _channels(folder, "power", ("average", "input"))
    found: list[Sensor] = []
    if powers:
        found.append(HwmonPower(powers, ratio))
    if temperatures:
        found.append(HwmonTemperature(temperatures))
    if not found:
        raise SensorAbsent(f"no temperature or power under {folder} (usual in virtual machines)")
    return found


def _channels(folder: Path, quantity: str, suffixes: Sequence[str]) -> dict[str, Path]:
    """Label -> file, the first suffix that a channel has."""
    channels: dict[str, Path] = {}
    for suffix in suffixes:
        for file in sorted(folder.glob(f"hwmon*/{quantity}[0-9]*_{suffix}")):
            number = file.name.removesuffix(f"_{suffix}")
            label = read_label(file.with_name(f"{number}_label")) or number
            chip = read_label(file.with_name("name")) or "unknown"
            # The device's own number keeps two chips of one kind apart.
            channels.setdefault(f"{file.parent.name}:{chip}:{label}", file)
    return channels


class HwmonPower:
    """Power channels."""

    name = "hwmon_power"
    # The drivers of processors, graphics cards and regulators renew theirs within 100 ms or so.
    update_period = Seconds(0.1)

    def __init__(self, channels: Mapping[str, Path], uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._channels = channels

    def read_power(self) -> Sequence[PowerReading]:
        """One reading a channel. Raises: SensorFailed when none can be read."""
        return [
            PowerReading(label, "chip", watts_from_microwatts(value))
            for label, value in read_available(self._channels).items()
        ]


class HwmonTemperature:
    """Temperature channels."""

    name = "hwmon"

    def __init__(self, channels: Mapping[str, Path]) -> None:
        self._channels = channels

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a channel. Raises: SensorFailed when none can be read."""
        return [
            TemperatureReading(label, celsius_from_millidegrees(value))
            for label, value in read_available(self._channels).items()
        ]
