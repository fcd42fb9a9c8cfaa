"""What RAPL's domains cover, however they are read.

Sources: the kernel's Documentation/power/powercap/powercap.rst and Intel's Software Developer's
Manual, volume 3B, "RAPL Domains": `psys` is the whole platform, a package includes its cores and
uncore, and not its memory. On AMD's multi-die processors each die shows the socket's one counter
(codecarbon's issue 1274).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from wattscan.units import Joules, Seconds

KINDS = ("package", "psys", "dram", "core", "uncore")
"""The domains in the order in which they are shown."""

UPDATE_PERIOD = Seconds(0.001)
"""Intel's manual: the counters are renewed about every millisecond."""

_DIE = re.compile(r"(package-\d+)-die-?\d+")
# The platform takes at least what its packages take, as far as two reads a moment apart can show.
_LEAST_PLATFORM_RATIO = 0.98


def device_domains(moved: Mapping[str, Joules], listed: Iterable[str] = ()) -> Sequence[str]:
    """The domains that together are the machine; see `contracts.Covering`.

    A platform that counts no less than its packages stands for all; else all packages, also those
    that are listed and have not moved. Dies that mirror one counter, and so have counted the same,
    count once; while it is not known what dies have counted, nothing stands for the machine.
    """
    counted = {name: moved.get(name, Joules(0.0)) for name in dict.fromkeys([*listed, *moved])}
    counted = {name: joules for name, joules in counted.items() if name.startswith("package")}
    packages = _without_mirrors(counted)
    if "psys" in moved and moved["psys"] >= _LEAST_PLATFORM_RATIO * sum(packages.values()):
        return ("psys",)
    dies = [joules for name, joules in moved.items() if _DIE.fullmatch(name)]
    return () if len(dies) > 1 and not all(dies) else tuple(packages)


def _without_mirrors(packages: Mapping[str, Joules]) -> dict[str, Joules]:
    kept: dict[str, Joules] = {}
    for domain, joules in packages.items():
        if not any(_mirrors(domain, joules, other, kept[other]) for other in kept):
            kept[domain] = joules
    return kept


def _mirrors(domain: str, joules: Joules, other: str, others: Joules) -> bool:
    one, two = _DIE.fullmatch(domain), _DIE.fullmatch(other)
    if not one or not two or one[1] != two[1]:
        return False
    return 0 < joules == others
