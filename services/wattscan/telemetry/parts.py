"""Which domains of a sensor are its device together, and which of them are missing.

A sum without one of its parts would be too little, and nobody would see it: while a part is missing
the sensor does not stand for its device.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wattscan.contracts import Covering, Listing, Sensor
from wattscan.units import Joules

_SILENT = "it cannot be read, or is not believed"


@dataclass(frozen=True)
class KnownDomains:
    """What is known of a sensor's domains.

    `domains` are those that it has given, in their order; `proven` have been seen to move,
    `present` are read and believed now, and `doubts` says why each other one is not believed.
    `counted` is what each has counted over one and the same time, where that is known.
    """

    domains: Collection[str]
    proven: Collection[str]
    present: Collection[str]
    counted: Mapping[str, Joules]
    doubts: Mapping[str, str]


@dataclass(frozen=True)
class DeviceDomains:
    """The domains whose sum is a sensor's device; why they do not stand for it, where they do not.

    `lacking` is empty where they do, and where nothing of the sensor is proven.
    """

    domains: tuple[str, ...]
    lacking: str


def device_of(sensor: Sensor, seen: KnownDomains) -> DeviceDomains:
    """What stands for a sensor's device.

    Of each sensor its first domain, unless it says which of them are the device together: a rail
    does not stand for its board.
    """
    names = tuple(seen.domains)[:1]
    if isinstance(sensor, Covering):
        moved = {d: seen.counted.get(d, Joules(0.0)) for d in seen.domains if d in seen.proven}
        names = tuple(sensor.device_domains(moved))
        if moved and not names:
            return DeviceDomains((), f"none of {', '.join(moved)} is known to be all of its device")
    unreadable = sensor.unreadable if isinstance(sensor, Listing) else {}
    missing = [
        f"{name}: {unreadable.get(name) or seen.doubts.get(name) or _SILENT}"
        for name in names
        if name not in seen.present
    ]
    told = f"a part of its device is missing, so it does not stand for it: {'; '.join(missing)}"
    return DeviceDomains(names, told if missing else "")
