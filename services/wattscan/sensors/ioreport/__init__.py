"""Energy of an Apple silicon chip, from the counters of IOReport's group `Energy Model`. No root.

Apple documents neither the library nor the channels. What is known of them, as of November 2026,
open tools have found out; the facts here, and no code, are theirs:
- the functions' signatures: socpowerbud, macmon, zeus-apple-silicon;
- the channels: `CPU Energy` is the CPU's total, on chips of two dies `DIE_0_CPU Energy` and so on;
  `GPU Energy` the GPU's; `ANE`, `ANE0` or `ANE0_1`, and `DRAM` likewise; what else the group has
  are parts of these, or other blocks (macmon, zeus-apple-silicon's recordings, and all-smi's
  of an M1 Ultra, an M5 Max and an M5 Ultra);
- counts are in mJ, uJ or nJ, as each channel's label says, and grow from a moment that is not
  told; a negative one marks an error (xnu's IOReportTypes.h, kIOReportInvalidIntValue);
- macOS 27 renews all but the GPU's only every one or two seconds, or every half hour, or not at
  all (all-smi, macmon's issue 76, Stats' issue 3608): the GPU's alone would look like a package.

The package is CPU, GPU and Neural Engine, as in powermetrics' combined power; DRAM is not in it.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import EnergyReading, Method, Sensor, SensorAbsent, SensorFailed
from wattscan.sensors.ioreport.library import GROUP, Channel, Domains, Subscription
from wattscan.settings import check_keys, text, uncertainty
from wattscan.units import (
    Joules,
    Seconds,
    joules_from_microjoules,
    joules_from_millijoules,
    joules_from_nanojoules,
)

_SETTINGS = {"uncertainty_ratio", "library", "core_foundation"}
_LIBRARY = "/usr/lib/libIOReport.dylib"
_CORE_FOUNDATION = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"
_PACKAGE = "package"
_PARTS = ("cpu", "gpu", "ane")
# Of each domain the first shape that a chip's channels have: a total and its parts never add up.
_SHAPES = {
    "cpu": (r"CPU Energy", r"DIE_\d+_CPU Energy"),
    # Without a total, the GPU less its memory: 3 % under it on an M1 Ultra (all-smi).
    "gpu": (r"GPU Energy", r"GPU\d+", r"GPU\d+_\d+"),
    "ane": (r"ANE", r"ANE\d+", r"ANE\d+_\d+"),
    "dram": (r"DRAM", r"DRAM\d+", r"DRAM\d+_\d+"),
}
_UNITS: Mapping[str, Callable[[float], Joules]] = {
    "mJ": joules_from_millijoules,
    "uJ": joules_from_microjoules,
    "nJ": joules_from_nanojoules,
}
# Where the counts move at all, macOS 27's longest recorded pause is 2.2 s.
_PATIENCE = Seconds(3.0)
_PAUSE = Seconds(0.1)
# The processor that runs this is never at rest.
_STILL = Seconds(10.0)


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The chip's energy; see `contracts.SensorModule.find`. Waits for the CPU's count to move.

    Settings: `uncertainty_ratio`; `library` and `core_foundation`, the paths of the libraries.
    """
    check_keys(settings, _SETTINGS)
    ratio = uncertainty(settings)
    library = text(settings, "library", _LIBRARY)
    core_foundation = text(settings, "core_foundation", _CORE_FOUNDATION)
    if platform.system() != "Darwin":
        raise SensorAbsent("IOReport is a library of macOS's, and this is not macOS")
    if platform.machine() != "arm64":
        raise SensorAbsent("IOReport counts energy on Apple silicon only")
    subscription = Subscription(library, core_foundation, _domains)
    try:
        moves = _moves(subscription)
    except SensorFailed as failure:
        raise SensorAbsent(f"IOReport cannot be read: {failure}") from None
    if not moves:
        raise SensorAbsent(
            f"macOS does not count the CPU's energy in IOReport: it stood still for {_PATIENCE:g} "
            "s (known of macOS 27); as root, powermetrics may tell it"
        )
    return [IOReportSensor(subscription, ratio)]


def _domains(names: Sequence[str]) -> Domains:
    """The channels of each domain. Raises: SensorAbsent: of a part of the package there is none."""
    found: dict[str, list[str]] = {}
    for domain, shapes in _SHAPES.items():
        matches = ([n for n in names if re.fullmatch(shape, n)] for shape in shapes)
        channels = next(filter(None, matches), None)
        if channels:
            found[domain] = channels
    missing = [part for part in _PARTS if part not in found]
    if missing:
        raise SensorAbsent(
            f"IOReport's group {GROUP} has no channel of {', '.join(missing)} among its "
            f"{len(names)}: a package without would be too little"
        )
    return found


def _moves(subscription: Subscription) -> bool:
    """Whether the CPU's count does, soon. Raises: SensorFailed."""
    names = subscription.domains["cpu"]

    def counts() -> list[int]:
        return [channel.count for channel in subscription.sample() if channel.name in names]

    first, begin = counts(), time.monotonic()
    while counts() == first:
        if time.monotonic() - begin > _PATIENCE:
            return False
        time.sleep(_PAUSE)
    return True


def _joules(channel: Channel) -> Joules:
    """Raises: SensorFailed `garbage`."""
    convert = _UNITS.get(channel.unit)
    if convert is None:
        raise SensorFailed("garbage", f"{channel.name} is in {channel.unit!r}, not a known unit")
    if channel.count < 0:
        raise SensorFailed("garbage", f"{channel.name} has a negative count")
    return convert(channel.count)


def _sums(channels: Sequence[Channel], domains: Domains) -> dict[str, Joules]:
    """The domains all of whose channels are there: a sum without a part is a false drop."""
    counts = {channel.name: _joules(channel) for channel in channels}
    sums = {
        domain: Joules(sum(counts[name] for name in names))
        for domain, names in domains.items()
        if counts.keys() >= set(names)
    }
    if sums.keys() >= set(_PARTS):
        return {_PACKAGE: Joules(sum(sums[part] for part in _PARTS)), **sums}
    return sums


class IOReportSensor:
    """The energy of the chip and of its parts, since a moment that is not told."""

    name = "ioreport"
    method: Method = "counter"
    # By public reports up to two seconds with macOS 27, far less before.
    update_period = Seconds(2.0)

    def __init__(self, subscription: Subscription, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._subscription = subscription
        self._cpu = Joules(-1.0)
        self._moved = time.monotonic()

    def read_energy(self) -> Sequence[EnergyReading]:
        """`package`, its parts and `dram`. Raises: SensorFailed, also when the CPU's is frozen."""
        sums = _sums(self._subscription.sample(), self._subscription.domains)
        if not sums:
            raise SensorFailed("gone", "none of its channels is there any more")
        if "cpu" in sums:
            self._watch(sums["cpu"])
        return [EnergyReading(domain, "chip", joules) for domain, joules in sums.items()]

    def _watch(self, cpu: Joules) -> None:
        # An idle GPU or Neural Engine stands still; beside a CPU that does, a package that the GPU
        # moves looks sound and is not.
        now = time.monotonic()
        if cpu != self._cpu:
            self._cpu, self._moved = cpu, now
        elif now - self._moved > _STILL:
            raise SensorFailed("frozen", "macOS no longer counts the CPU's energy")
