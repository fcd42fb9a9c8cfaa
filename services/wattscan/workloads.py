"""Workloads: what shapes the load of a run, one TOML file each (docs/loadtest.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wattscan.contracts import WattscanError
from wattscan.metrics import WORKLOAD_SETTINGS
from wattscan.profiles import DEFAULT_REFERENCE
from wattscan.workload_settings import READERS

PHANTOM, DRAWN = "phantom", "drawn"
"""Images that lie in no folder: a task's phantom frames, and tensors drawn with the seed."""

STREAMS = 8
"""Images in a query of MultiStream, as MLPerf Inference has them."""

IN_FLIGHT = 32
"""Queries at once where neither workload nor target says."""


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


def changed(workload: Workload, **settings: Any) -> Workload:
    """The workload with other settings: those that are not None. Raises: WattscanError."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name, value in given.items():
        READERS[name]({name: list(value) if isinstance(value, tuple) else value}, name)
    return replace(workload, **given)
