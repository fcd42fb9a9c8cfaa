"""Workloads: what shapes the load of a run, one TOML file each (docs/loadtest.md)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wattscan.contracts import WattscanError, check_variant
from wattscan.installation import locustfile
from wattscan.metrics import WORKLOAD_SETTINGS
from wattscan.profiles import DEFAULT_REFERENCE, PROFILES, SCENARIOS
from wattscan.settings import (
    check_keys,
    number,
    one_of,
    read_toml,
    text,
    whole_number,
)

PROTOCOLS = ("wattscan.v1", "oip", "oip-shm", "tfs")
"""The typed protocol; Open Inference with raw contents, and with shared memory; TensorFlow
Serving."""

PHANTOM, DRAWN = "phantom", "drawn"
"""Images that lie in no folder: a task's phantom frames, and tensors drawn with the seed."""

STREAMS = 8
"""Images in a query of MultiStream, as MLPerf Inference has them."""

IN_FLIGHT = 32
"""Queries at once where neither workload nor target says."""

_MOST_CLIENTS, _MOST_IN_FLIGHT, _MOST_BATCH = 1024, 100_000, 1024
_MOST_SECONDS = 86_400.0


@dataclass(frozen=True)
class Workload:
    """What shapes the load. Empty tasks, models and variants are all that the service has.

    Attributes:
        name: the file's, without `.toml`; what was asked for without a file is `custom`.
        scenario: MLPerf Inference's.
        tasks: clinical tasks; models: names of any others, whose tensors are sent as they are.
        protocol: one of `PROTOCOLS`.
        clients: connections that the queries are spread over.
        rate: queries a second (`Server`); the mean, where `shape` is given.
        in_flight: queries at once: as many as there are (`Offline`), at most (`Server`); 0: what
            the target's queue takes, or `IN_FLIGHT` where that is not known.
        batch: images in one request of a tensor protocol; those of a query in `MultiStream` are
            put into as few requests as they fill.
        images: `phantom`, `drawn`, or a folder with a folder for each task or model.
        latency_bound: seconds that `latency_percentile` percent of the queries keep, 0 for none.
        min_seconds, min_queries: what a load phase lasts at least, beside its profile.
        shape: of a rate that changes over the load phase: relative rates, each for a like time.
        schedule: a file of the seconds, one a line, at which the queries of a load phase are due.
        find_rate: first look for the highest rate that keeps the latency bound.
    """

    name: str = "custom"
    title: str = ""
    scenario: str = "SingleStream"
    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    reference: str = DEFAULT_REFERENCE
    protocol: str = "wattscan.v1"
    clients: int = 1
    rate: float = 20.0
    in_flight: int = 0
    batch: int = 1
    images: str = PHANTOM
    seed: int = 2022
    latency_bound: float = 0.0
    latency_percentile: float = 99.0
    min_seconds: float = 0.0
    min_queries: int = 0
    shape: tuple[float, ...] = ()
    schedule: str = ""
    find_rate: bool = False
    profile: str = "quick"

    def __post_init__(self) -> None:
        """Raises: WattscanError: settings that exclude each other."""
        server = self.scenario == "Server"
        if self.models and self.protocol == "wattscan.v1":
            raise WattscanError(
                "models are asked for over a tensor protocol: set protocol to oip, oip-shm or tfs; "
                "tasks are what wattscan.v1 serves"
            )
        if self.models and self.tasks:
            raise WattscanError("a workload has tasks or models, not both")
        if self.images == DRAWN and self.protocol == "wattscan.v1":
            raise WattscanError("drawn tensors go over a tensor protocol: oip, oip-shm or tfs")
        if self.batch > 1 and self.protocol == "wattscan.v1":
            raise WattscanError("wattscan.v1 takes an image a request: batch is for oip and tfs")
        if (self.shape or self.schedule) and not server:
            raise WattscanError(
                f"shape and schedule are of the scenario Server, not {self.scenario}"
            )
        if self.shape and self.schedule:
            raise WattscanError("a workload has a shape or a schedule, not both")
        if self.find_rate and not (server and self.latency_bound and not self.schedule):
            raise WattscanError(
                "find_rate needs the scenario Server, a latency bound, and no schedule"
            )

    @property
    def settings(self) -> Mapping[str, str]:
        """What shapes the load, as labels have it."""
        told = {name: _label(getattr(self, name)) for name in WORKLOAD_SETTINGS}
        # A path says where somebody keeps their images.
        told["schedule"] = Path(told["schedule"]).name
        if self.images not in (PHANTOM, DRAWN):
            told["images"] = f"folder {Path(self.images).name}"
        return told


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(_label, value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def workloads_folder() -> Path:
    """Where the shipped ones are: beside the locustfile."""
    return locustfile().parent / "workloads"


def workload_names() -> list[str]:
    """The workloads that come with the load generator, sorted."""
    return sorted(path.stem for path in workloads_folder().glob("*.toml"))


def load_workload(name_or_path: str) -> Workload:
    """The shipped workload of that name, or the one of a TOML file (a path ending in `.toml`).

    Raises:
        WattscanError: no such workload, malformed TOML, or a value that is wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in workload_names():
            raise WattscanError(
                f"there is no workload called {name_or_path!r}; there is: "
                f"{', '.join(workload_names())}; or give the path of a .toml file"
            )
        path = workloads_folder() / f"{name_or_path}.toml"
    return read_workload(path)


def read_workload(path: Path) -> Workload:
    """The workload of a TOML file. Raises: WattscanError, naming the file."""
    data = read_toml(path, f"the workload {path}")
    try:
        check_keys(data, set(_READERS))
        found = {name: _READERS[name](data, name) for name in data}
        named = {"name": path.stem, **found}
        for key in ("images", "schedule"):  # a file's paths are beside it
            told = named.get(key, "")
            if told and told not in (PHANTOM, DRAWN):
                named[key] = str(path.parent / told)
        return Workload(**named)
    except WattscanError as error:
        raise WattscanError(f"the workload {path} is wrong: {error}") from None


def read_schedule(path: Path) -> list[float]:
    """A file of seconds, one a line, in order. Raises: WattscanError."""
    try:
        due = [
            float(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise WattscanError(f"the schedule {path} cannot be read: {why}") from None
    if not due or not all(a <= b <= _MOST_SECONDS for a, b in itertools.pairwise([0.0, *due])):
        raise WattscanError(
            f"the schedule {path} must have seconds from 0 to {_MOST_SECONDS:g}, one a line, in "
            "order"
        )
    return due


def last_due(workload: Workload) -> float:
    """When the last query of its schedule is due, s; 0 without one. Raises: WattscanError."""
    return read_schedule(Path(workload.schedule))[-1] if workload.schedule else 0.0


def pick_variants(
    workload: Workload, name: str, there: Iterable[str], where: str
) -> tuple[str, ...]:
    """The variants of a task or model to measure, the reference first.

    Args:
        workload: its `variants` are those that were asked for; none: all.
        name: the task's or model's.
        there: the variants that there are.
        where: what has them, in a message.

    Raises: WattscanError: one is not there.
    """
    have = sorted(set(there))
    if workload.models and len(have) == 1 and not workload.variants:
        return tuple(have)
    # A report has FP32 in capitals: it may be typed so.
    asked = [
        n if n in have else n.lower() for n in (workload.reference, *(workload.variants or have))
    ]
    wanted = tuple(dict.fromkeys(asked))
    missing = [n for n in wanted if n not in have]
    if missing:
        raise WattscanError(
            f"{where} has no {' and no '.join(missing)} model of {name!r}; it has: "
            f"{', '.join(have)}. --variants names those to measure, --reference the one that the "
            "others are compared with"
        )
    return wanted


def write_workload(workload: Workload, path: Path) -> None:
    """As a TOML file that `read_workload` reads. Raises: OSError."""
    default = Workload()
    lines = [
        f"{name} = {_toml(value)}\n"
        for name, value in asdict(workload).items()
        # The file has another name than the workload.
        if name == "name" or value != getattr(default, name)
    ]
    path.write_text("".join(lines), encoding="utf-8")


def changed(workload: Workload, **settings: Any) -> Workload:
    """The workload with other settings: those that are not None. Raises: WattscanError."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name, value in given.items():
        _READERS[name]({name: list(value) if isinstance(value, tuple) else value}, name)
    return replace(workload, **given)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
    return repr(value)


_Reader = Callable[[Mapping[str, Any], str], Any]


def _names(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data[key]
    known = isinstance(value, list) and all(isinstance(x, str) and x.strip() for x in value)
    if not known or len(set(value)) != len(value):
        raise WattscanError(f'{key} must be a list of different names, such as ["a", "b"]')
    return tuple(value)


def _variants(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = _names(data, key)
    for name in names:
        check_variant(name)
    return names


def _reference(data: Mapping[str, Any], key: str) -> str:
    name = text(data, key)
    check_variant(name)
    return name


def _choice(known: tuple[str, ...]) -> _Reader:
    return lambda data, key: one_of(data, key, known, known[0])


def _whole(most: int) -> _Reader:
    return lambda data, key: whole_number(data, key, 1, most)


def _whole_or_none(most: int) -> _Reader:
    return lambda data, key: 0 if data[key] == 0 else whole_number(data, key, 1, most)


def _count(data: Mapping[str, Any], key: str) -> int:
    return 0 if data[key] == 0 and not isinstance(data[key], bool) else whole_number(data, key, 1)


def _seed(data: Mapping[str, Any], key: str) -> int:
    value = data[key]
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise WattscanError(f"{key} must be a whole number of up to 63 bits, not {value!r:.40}")
    return value


def _seconds(data: Mapping[str, Any], key: str) -> float:
    value = number(data, key)
    if value > _MOST_SECONDS:
        raise WattscanError(f"{key} must be {_MOST_SECONDS:g} s at most, not {value:g}")
    return value


def _rate(data: Mapping[str, Any], key: str) -> float:
    value = number(data, key)
    if not 0 < value <= 1e6:
        raise WattscanError(f"{key} must be above 0 and up to 1e6 queries a second, not {value:g}")
    return value


def _percentile(data: Mapping[str, Any], key: str) -> float:
    value = number(data, key)
    if not 0 < value < 100:
        raise WattscanError(f"{key} must be between 0 and 100, such as 99, not {value:g}")
    return value


def _shape(data: Mapping[str, Any], key: str) -> tuple[float, ...]:
    value = data[key]
    if not isinstance(value, list) or not value:
        raise WattscanError(f"{key} must be a list of relative rates, such as [1, 3, 2]")
    rates = tuple(number({key: each}, key) for each in value)
    if not 0 < sum(rates) < math.inf:
        raise WattscanError(f"{key} must have a rate above 0")
    return rates


def _flag(data: Mapping[str, Any], key: str) -> bool:
    if not isinstance(data[key], bool):
        raise WattscanError(f"{key} must be true or false")
    return bool(data[key])


_READERS: Mapping[str, _Reader] = {
    "name": text,
    "title": text,
    "scenario": _choice(SCENARIOS),
    "tasks": _names,
    "models": _names,
    "variants": _variants,
    "reference": _reference,
    "protocol": _choice(PROTOCOLS),
    "clients": _whole(_MOST_CLIENTS),
    "rate": _rate,
    "in_flight": _whole_or_none(_MOST_IN_FLIGHT),
    "batch": _whole(_MOST_BATCH),
    "images": text,
    "seed": _seed,
    "latency_bound": _seconds,
    "latency_percentile": _percentile,
    "min_seconds": _seconds,
    "min_queries": _count,
    "shape": _shape,
    "schedule": text,
    "find_rate": _flag,
    "profile": _choice(tuple(PROFILES)),
}
