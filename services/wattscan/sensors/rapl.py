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
from wattscan.rapl_domains import KINDS, UPDATE_PERIOD, device_domains
from wattscan.settings import check_keys, uncertainty
from wattscan.sysfs import read_int, read_label
from wattscan.units import Joules, joules_from_microjoules

_CONTROL_TYPES = ("intel-rapl", "amd-rapl")


@dataclass(frozen=True)
class _Zone:
    domain: str
    scope: Scope
    counter: Path
    wraps_at: Joules | None


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """The machine's RAPL zones as one sensor; see `contracts.SensorModule.find`.

    Settings: `uncertainty_ratio`.
    """
    check_keys(settings, {"uncertainty_ratio"})
    powercap = sysfs / "class" / "powercap"
    # Two control types would be two views of the same counters.
    listings = [sorted(powercap.glob(f"{kind}:*")) for kind in _CONTROL_TYPES]
    folders = next((listing for listing in listings if listing), [])
    if not folders:
        raise SensorAbsent(
            f"no RAPL zone under {powercap}: not an x86 processor with RAPL, a virtual machine, "
            "or a container without powercap mounted"
        )
    zones, unreadable = _zones(folders, powercap)
    sensor = RaplSensor(sorted(zones, key=_preference), uncertainty(settings), unreadable)
    try:
        sensor.read_energy()
    except SensorFailed as error:
        hint = "; run as root, or grant it: chmod a+r" if error.reason == "permission" else ""
        raise SensorAbsent(f"{error}{hint}") from None
    return [sensor]


def _zones(folders: Sequence[Path], powercap: Path) -> tuple[list[_Zone], dict[str, str]]:
    """Those that can be described; why each other domain cannot.

    Raises: SensorAbsent: none can.
    """
    zones: list[_Zone] = []
    unreadable: dict[str, str] = {}
    for folder, domain in zip(folders, _names(folders), strict=True):
        try:
            zones.append(_zone(folder, domain, powercap))
        except SensorFailed as error:
            unreadable[domain] = str(error)
    if not zones:
        raise SensorAbsent(f"no RAPL zone can be read: {list(unreadable.values())[-1]}")
    return zones, unreadable


def _names(folders: Sequence[Path]) -> list[str]:
    """A name of its own for each zone: a kernel may give one twice, or none."""
    names: list[str] = []
    for folder in folders:
        _, *indices = folder.name.split(":")
        name = read_label(folder / "name") or "zone"
        if len(indices) > 1:
            # A subzone such as `dram` needs its package's number to be one of a kind.
            name = f"{name}-{indices[0]}"
        names.append(f"{name}:{indices[-1]}" if name in names else name)
    return names


def _zone(folder: Path, domain: str, powercap: Path) -> _Zone:
    """Raises: SensorFailed."""
    microjoules = read_int(folder / "max_energy_range_uj")
    # A range that cannot be is not known.
    wraps_at = joules_from_microjoules(microjoules) if microjoules > 0 else None
    scope: Scope = "system" if domain == "psys" else "chip"
    return _Zone(domain, scope, powercap / folder.name / "energy_uj", wraps_at)


def _preference(zone: _Zone) -> tuple[int, str]:
    kind = zone.domain.split("-")[0]
    return (KINDS.index(kind) if kind in KINDS else len(KINDS), zone.domain)


class RaplSensor:
    """The energy counters of all RAPL zones, packages first."""

    name = "rapl"
    method: Method = "counter"
    update_period = UPDATE_PERIOD

    def __init__(
        self,
        zones: Sequence[_Zone],
        uncertainty_ratio: float,
        unreadable: Mapping[str, str],
    ) -> None:
        """`unreadable`: domains that are listed and have no zone, and why."""
        self.uncertainty_ratio = uncertainty_ratio
        self._zones = zones
        self._never_readable = unreadable
        self.unreadable = dict(unreadable)
        """Listed domains that could not be read the last time, and why."""

    def device_domains(self, moved: Mapping[str, Joules]) -> Sequence[str]:
        """See `contracts.Covering`: the platform, else all packages that are listed."""
        listed = [zone.domain for zone in self._zones]
        return device_domains(moved, sorted([*listed, *self._never_readable]))

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading a zone that can be read. Raises: SensorFailed when none can."""
        readings: list[EnergyReading] = []
        unreadable = dict(self._never_readable)
        failure: SensorFailed | None = None
        for zone in self._zones:
            try:
                count = joules_from_microjoules(read_int(zone.counter))
                readings.append(EnergyReading(zone.domain, zone.scope, count, zone.wraps_at))
            except SensorFailed as error:
                unreadable[zone.domain] = str(error)
                failure = error
        self.unreadable = unreadable
        if failure and not readings:
            raise failure
        return readings
