"""Linux's thermal zones.

Interface: the kernel's Documentation/driver-api/thermal/sysfs-api.rst. `temp` is in thousandths of
a degree Celsius, `type` names the zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import Sensor, SensorAbsent, TemperatureReading
from wattscan.settings import check_keys
from wattscan.sysfs import read_available, read_label
from wattscan.units import celsius_from_millidegrees


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """All thermal zones as one sensor; see `contracts.SensorModule.find`."""
    check_keys(settings, set())
    folder = sysfs / "class" / "thermal"
    zones = sorted(folder.glob("thermal_zone*"))
    if not zones:
        raise SensorAbsent(f"no thermal zone under {folder} (usual in virtual machines)")
    types = [read_label(zone / "type") or "unknown" for zone in zones]
    return [
        ThermalZones(
            {
                # The number keeps two zones of one type apart.
                kind if types.count(kind) == 1 else f"{kind}:{zone.name}": zone / "temp"
                for kind, zone in zip(types, zones, strict=True)
            }
        )
    ]


class ThermalZones:
    """The temperatures of all zones."""

    name = "thermal_zone"

    def __init__(self, zones: Mapping[str, Path]) -> None:
        self._zones = zones

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a zone; a zone that is asleep is left out. Raises: SensorFailed."""
        return [
            TemperatureReading(zone, celsius_from_millidegrees(value))
            for zone, value in read_available(self._zones).items()
        ]
