"""RAPL energy counters of x86 processors, through Linux's powercap files.

Interface: the kernel's Documentation/power/powercap/powercap.rst. `energy_uj` counts microjoules
and starts again at zero past `max_energy_range_uj`; since Linux 5.10 only root may read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattscan.contracts import EnergyReading, Method, Scope, Sensor, SensorAbsent, SensorFailed
from wattscan.settings import check_keys, number
from wattscan.sysfs import read_int, read_label
from wattscan.units import Joules, joules_from_microjoules

_CONTROL_TYPES = ("intel-rapl", "amd-rapl")
# The platform domain (psys) comes second: few boards have it calibrated.
_ORDER = ("package", "psys", "dram", "core", "uncore")


@dataclass(frozen=True)
class _Zone:
    domain: str
    scope: Scope
    counter: Path
    wraps_at: Joules


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """The machine's RAPL zones as one sensor; see `contracts.SensorModule.find`.

    Settings: `uncertainty_ratio`.
    """
    check_keys(settings, {"uncertainty_ratio"})
    powercap = sysfs / "class" / "powercap"
    folders = [f for kind in _CONTROL_TYPES for f in sorted(powercap.glob(f"{kind}:*"))]
    if not folders:
        raise SensorAbsent(
            f"no RAPL zone under {powercap}: not an x86 processor with RAPL, a virtual machine, "
            "or a container without powercap mounted"
        )
    zones = sorted((_zone(folder, powercap) for folder in folders), key=_preference)
    for zone in zones:
        _readable(zone)
    return [RaplSensor(zones, number(settings, "uncertainty_ratio"))]


def _zone(folder: Path, powercap: Path) -> _Zone:
    name = read_label(folder / "name")
    try:
        wraps_at = read_int(folder / "max_energy_range_uj")
    except SensorFailed as error:
        raise SensorAbsent(f"the RAPL zone {folder.name} cannot be read: {error}") from None
    _, *indices = folder.name.split(":")
    if len(indices) > 1:
        # A subzone such as `dram` needs its package's number to be one of a kind.
        name = f"{name}-{indices[0]}"
    scope: Scope = "system" if name == "psys" else "chip"
    return _Zone(
        name, scope, powercap / folder.name / "energy_uj", joules_from_microjoules(wraps_at)
    )


def _preference(zone: _Zone) -> tuple[int, str]:
    kind = zone.domain.split("-")[0]
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), zone.domain)


def _readable(zone: _Zone) -> None:
    try:
        read_int(zone.counter)
    except SensorFailed as error:
        hint = (
            f"; run as root, or grant it: chmod a+r {zone.counter}"
            if error.reason == "permission"
            else ""
        )
        raise SensorAbsent(f"{error}{hint}") from None


class RaplSensor:
    """The energy counters of all RAPL zones, packages first."""

    name = "rapl"
    method: Method = "counter"

    def __init__(self, zones: Sequence[_Zone], uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._zones = zones

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading a zone. Raises: SensorFailed."""
        return [
            EnergyReading(
                z.domain, z.scope, joules_from_microjoules(read_int(z.counter)), z.wraps_at
            )
            for z in self._zones
        ]
