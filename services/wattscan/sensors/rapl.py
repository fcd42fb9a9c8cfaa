"""RAPL energy counters of x86 processors, through Linux's powercap files.

Interface: the kernel's Documentation/power/powercap/powercap.rst. `energy_uj` counts microjoules
and starts again at zero past `max_energy_range_uj`; since Linux 5.10 only root may read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wattscan.contracts import EnergyReading, Method, Scope, Sensor, SensorAbsent, SensorFailed
from wattscan.rapl_domains import KINDS, UPDATE_PERIOD, device_domains
from wattscan.settings import check_keys, uncertainty
from wattscan.sysfs import available, read_int, read_label
from wattscan.units import Joules, joules_from_microjoules

_CONTROL_TYPES = ("intel-rapl", "amd-rapl")


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
    sensor = RaplSensor(sorted(_zones(folders, powercap), key=_preference), uncertainty(settings))
    try:
        sensor.read_energy()
    except SensorFailed as error:
        hint = "; run as root, or grant it: chmod a+r" if error.reason == "permission" else ""
        raise SensorAbsent(f"{error}{hint}") from None
    return [sensor]


def _zones(folders: Sequence[Path], powercap: Path) -> list[_Zone]:
    """Those that can be described. Raises: SensorAbsent: none can."""
    try:
        return list(available({f: partial(_zone, f, powercap) for f in folders}).values())
    except SensorFailed as error:
        raise SensorAbsent(f"no RAPL zone can be read: {error}") from None


def _zone(folder: Path, powercap: Path) -> _Zone:
    """Raises: SensorFailed."""
    name = read_label(folder / "name")
    wraps_at = read_int(folder / "max_energy_range_uj")
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
    return (KINDS.index(kind) if kind in KINDS else len(KINDS), zone.domain)


class RaplSensor:
    """The energy counters of all RAPL zones, packages first."""

    name = "rapl"
    method: Method = "counter"
    update_period = UPDATE_PERIOD

    def __init__(self, zones: Sequence[_Zone], uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._zones = zones

    def device_domains(self, moved: Mapping[str, Joules]) -> Sequence[str]:
        """See `contracts.Covering`: the platform, else all packages."""
        return device_domains(moved)

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading a zone that can be read. Raises: SensorFailed when none can."""
        counts = available({zone: partial(read_int, zone.counter) for zone in self._zones})
        return [
            EnergyReading(z.domain, z.scope, joules_from_microjoules(count), z.wraps_at)
            for z, count in counts.items()
        ]
