"""Runs, and the windows in them, found in the load generator's own series alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wattscan import metrics
from wattscan.collector.run_identity import check_one_run, newest, no_such_run
from wattscan.collector.run_workload import RunWorkload, read_workload
from wattscan.collector.series import EARLIEST, LATEST, Last, Series, Source, label
from wattscan.contracts import WattscanError
from wattscan.profiles import DEFAULT_REFERENCE

# One generator stays until two scrapes after the last phase; scrapes may be a minute apart.
_MARGIN_SECONDS = 150.0
_PHASE_LABELS = ("task", "precision", "repeat", "phase")
# A resumed run may be months long; a longer one has a wrong time, and reading it would take hours.
_LONGEST_RUN_DAYS = 366.0
_DAY_SECONDS = 86400.0


@dataclass(frozen=True)
class Phase:
    """From `start` to `end`, Unix seconds by the generator's clock; None: it has not ended."""

    start: float
    end: float | None


@dataclass(frozen=True)
class Window:
    """One repeat of one variant: its phases by name (idle, warmup, load, cooldown)."""

    task: str
    precision: str
    repeat: str
    phases: Mapping[str, Phase]

    @property
    def start(self) -> float:
        """When its first phase began, Unix seconds."""
        return min(phase.start for phase in self.phases.values())

    @property
    def span(self) -> tuple[float, float]:
        """From its first phase to the last moment that one of them names, Unix seconds."""
        return self.start, max(max(p.start, p.end or p.start) for p in self.phases.values())

    @property
    def order(self) -> tuple[float, str]:
        """Sorts the repeats of one cell: as counted, `10` after `9`."""
        digits = self.repeat.isdecimal()
        return (float(self.repeat) if digits else math.inf, self.repeat)


@dataclass(frozen=True)
class Run:
    """One run: who it was, and its windows in the order in which they began."""

    name: str
    target: str
    target_instance: str
    profile: str
    scenario: str
    seed: str
    version: str
    generator_instance: str
    generator_job: str
    cut_short: bool
    windows: tuple[Window, ...]
    generators: tuple[str, ...] = ()
    """The instances that told of it: one, unless several generators share its name."""
    parts: int = 1
    """In how many parts it was made: more than one where it was resumed."""
    reference: str = DEFAULT_REFERENCE
    """The variant that the others are compared with."""
    workload: RunWorkload = field(default_factory=RunWorkload)
    """What shaped its load."""
    repeated: tuple[Window, ...] = ()
    """Phases that an interruption made worthless, by the generator's clock: their windows were
    measured again. Each in a window of its own; they count in no figure."""

    @property
    def variants(self) -> tuple[str, ...]:
        """Each variant once: the reference first, then the others by name."""
        names = {window.precision for window in self.windows}
        return (*(names & {self.reference}), *sorted(names - {self.reference}))

    @property
    def start(self) -> float:
        """When its first phase began, Unix seconds."""
        return min(window.start for window in self.windows)

    @property
    def end(self) -> float:
        """The last moment that any phase names, Unix seconds."""
        return max(window.span[1] for window in self.windows)

    @property
    def span(self) -> tuple[float, float]:
        """Where its samples are looked for: start and end with a margin, Unix seconds."""
        return self.start - _MARGIN_SECONDS, self.end + _MARGIN_SECONDS

    @property
    def load_matchers(self) -> dict[str, str]:
        """The labels that every series of its load generator has."""
        own = {"run": self.name, "instance": self.generator_instance, "job": self.generator_job}
        return {name: value for name, value in own.items() if value}

    @property
    def target_matchers(self) -> dict[str, str]:
        """The labels that every series of its target has."""
        return {"target": self.target, "instance": self.target_instance}


def find_run(source: Source, name: str | None) -> Run:
    """The run of that name, or the newest.

    Raises:
        WattscanError: no such run (the runs that there are, are named), or it has no phases.
    """
    found = source.last(metrics.RUN_INFO.name, {"run": name} if name else {}, None, None)
    # Of somebody else's series nothing is promised.
    infos = [info for info in found if info.labels.get("run")]
    if not infos:
        raise WattscanError(no_such_run(source, name))
    name = name or newest(source, infos)
    starts = source.last(metrics.RUN_PHASE_START.name, {"run": name}, None, None)
    ends = source.last(metrics.RUN_PHASE_END.name, {"run": name}, None, None)
    if not starts:
        raise WattscanError(f"run {name} in {source.name} has no phases yet")
    mine = [info for info in infos if label(info.labels, "run") == name]
    check_one_run(name, mine)
    labels = mine[0].labels
    parts = source.last(metrics.RUN_PARTS.name, {"run": name}, None, None)
    _check_times(name, starts, ends)
    run = Run(
        name=name,
        target=labels["target"],
        target_instance=labels["target_instance"],
        profile=labels.get("profile", ""),
        scenario=labels.get("scenario", ""),
        seed=labels.get("seed", ""),
        version=labels.get("version", ""),
        generator_instance=labels.get("instance", ""),
        generator_job=labels.get("job", ""),
        cut_short=source.cut_short,
        windows=windows_of(starts, ends),
        generators=tuple(sorted({info.labels.get("instance", "") for info in mine})),
        parts=max([1, *(int(part.value) for part in parts)]),
        reference=labels.get("reference", DEFAULT_REFERENCE),
        workload=read_workload(source, name),
    )
    return replace(run, repeated=_repeated(source, run)) if run.parts > 1 else run


def _repeated(source: Source, run: Run) -> tuple[Window, ...]:
    """Raises: WattscanError."""
    begun, ended = (
        _values_by_phase(source.select(metric.name, {"run": run.name}, *run.span))
        for metric in (metrics.RUN_PHASE_START, metrics.RUN_PHASE_END)
    )
    kept = {phase.start for window in run.windows for phase in window.phases.values()}
    found = []
    for key, starts in begun.items():
        task, precision, repeat, name = key
        in_order = sorted(starts)
        for start, following in zip(in_order, [*in_order[1:], math.inf], strict=True):
            ends = [end for end in ended.get(key, ()) if start <= end < following]
            if start not in kept:
                phase = Phase(start, min(ends, default=None))
                found.append(Window(task, precision, repeat, {name: phase}))
    return tuple(sorted(found, key=lambda window: window.start))


def _values_by_phase(every: Sequence[Series]) -> dict[tuple[str, str, str, str], set[float]]:
    found: dict[tuple[str, str, str, str], set[float]] = {}
    for series in every:
        if all(name in series.labels for name in _PHASE_LABELS):
            task, precision, repeat, phase = (series.labels[name] for name in _PHASE_LABELS)
            found.setdefault((task, precision, repeat, phase), set()).update(series.values.tolist())
    return found


def _check_times(name: str, starts: Sequence[Last], ends: Sequence[Last]) -> None:
    for phase in (*starts, *ends):
        if not EARLIEST <= phase.value <= LATEST:
            told = ", ".join(_phase_key(phase))
            raise WattscanError(
                f"run {name} has a phase ({told}) at {phase.value:.0f}, which is no Unix time in "
                "seconds between 2000 and 2100: the clock or the unit of its generator is wrong"
            )
    times = [phase.value for phase in (*starts, *ends)]
    days = (max(times) - min(times)) / _DAY_SECONDS
    if days > _LONGEST_RUN_DAYS:
        raise WattscanError(
            f"the phases of run {name} lie {days:.0f} days apart, and {_LONGEST_RUN_DAYS:.0f} is "
            "the most: the clock of its generator was wrong for a time"
        )


def windows_of(starts: Sequence[Last], ends: Sequence[Last]) -> tuple[Window, ...]:
    """The windows that phases' starts and ends tell of, as they began. Raises: WattscanError."""
    ended = {_phase_key(end): end.value for end in ends}
    cells: dict[tuple[str, str, str], dict[str, Phase]] = {}
    for start in starts:
        task, precision, repeat, phase = _phase_key(start)
        end = ended.get((task, precision, repeat, phase))
        # An end from before the start belongs to nothing.
        end = end if end is not None and end >= start.value else None
        cells.setdefault((task, precision, repeat), {})[phase] = Phase(start.value, end)
    windows = [Window(*names, phases) for names, phases in cells.items()]
    return tuple(sorted(windows, key=lambda window: window.start))


def are_named(last: Last) -> bool:
    """Whether a phase says of what it is one."""
    return all(name in last.labels for name in _PHASE_LABELS)


def _phase_key(last: Last) -> tuple[str, str, str, str]:
    task, precision, repeat, phase = (label(last.labels, name) for name in _PHASE_LABELS)
    return task, precision, repeat, phase
