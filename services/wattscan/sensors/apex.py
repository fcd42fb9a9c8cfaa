"""Temperature of Edge TPUs on PCIe or M.2, through the apex driver.

Interface: coral.ai/docs/pcie-parameters. `temp` and `trip_point0_temp` to `trip_point2_temp` are
in thousandths of a degree Celsius; from each trip point on, the driver halves the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import Sensor, SensorAbsent, SensorFailed, TemperatureReading
from wattscan.settings import check_keys
from wattscan.sysfs import read_available, read_int
from wattscan.units import celsius_from_millidegrees

# What the driver (google/gasket-driver, apex_driver.c) computes from a register of ones, which is
# what a PCIe device that no longer answers reads as.
_NO_ANSWER = -89_700


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """All Edge TPUs on PCIe as one sensor; see `contracts.SensorModule.find`.

    Settings: none.
    """
    check_keys(settings, set())
    folder = sysfs / "class" / "apex"
    chips = {file.parent.name: file for file in sorted(folder.glob("apex_*/temp"))}
    if not chips:
        raise SensorAbsent(
            f"no Edge TPU under {folder}: no M.2 or PCIe card, or its driver is not loaded "
            "(package gasket-dkms, then modprobe apex). A Coral on USB has no temperature of its "
            "own: put a probe or a camera on it, and send its readings through the bridge"
        )
    try:
        read_available(chips)
    except SensorFailed as error:
        hint = "; run as root, or grant it: chmod a+r" if error.reason == "permission" else ""
        raise SensorAbsent(f"{error}{hint}") from None
    return [ApexTemperature(chips)]


class ApexTemperature:
    """One zone an Edge TPU, such as `apex_0`."""

    name = "apex"

    def __init__(self, chips: Mapping[str, Path]) -> None:
        self._chips = chips

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a chip that answers. Raises: SensorFailed when none does."""
        return [
            TemperatureReading(zone, celsius_from_millidegrees(value))
            for zone, value in self._answering().items()
        ]

    def throttled(self) -> bool:
        """Whether a chip has reached its first trip point. Raises: SensorFailed."""
        return any(
            value >= read_int(self._chips[zone].with_name("trip_point0_temp"))
            for zone, value in self._answering().items()
        )

    def _answering(self) -> dict[str, int]:
        values = read_available(self._chips)
        answering = {zone: value for zone, value in values.items() if value != _NO_ANSWER}
        if not answering:
            raise SensorFailed("gone", f"{', '.join(values)} does not answer on the bus")
        return answering
