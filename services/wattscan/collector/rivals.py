"""What else the record shows beside a run: other runs on its target, other generators, overlaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wattscan import metrics
from wattscan.collector.series import Source
from wattscan.collector.windows import Run, windows_of

# Two edges of one clock, told in floating point.
_TOUCH_SECONDS = 0.001


@dataclass(frozen=True)
class Rivals:
    """`runs` are other runs whose phases overlap this one's on its target; `generators` the
    instances that told of this run; `overlap` two phases of this run that overlap, or ""."""

    runs: tuple[str, ...]
    generators: tuple[str, ...]
    overlap: str


def read_rivals(source: Source, run: Run) -> Rivals:
    """Raises: WattscanError."""
    same_target = {"target": run.target, "target_instance": run.target_instance}
    infos = source.last(metrics.RUN_INFO.name, same_target, *run.span)
    names = sorted({info.labels.get("run", "") for info in infos} - {run.name, ""})
    return Rivals(
        runs=tuple(name for name in names if _overlaps(source, run, name)),
        generators=run.generators,
        overlap=_overlap_within(run),
    )


def _spans(run_windows: Run) -> list[tuple[float, float, str]]:
    """Every phase that has ended: start, end, and what it is called."""
    found = [
        (phase.start, phase.end, f"{w.task} {w.precision}, repeat {w.repeat}, {name}")
        for w in run_windows.windows
        for name, phase in w.phases.items()
        if phase.end is not None
    ]
    return sorted(found)


def _overlap_within(run: Run) -> str:
    latest, of = float("-inf"), ""
    for start, end, name in _spans(run):
        if start < latest - _TOUCH_SECONDS:
            return f"{of} and {name}"
        latest, of = max((latest, of), (end, name))
    return ""


def _overlaps(source: Source, run: Run, other: str) -> bool:
    matchers = {"run": other}
    starts = source.last(metrics.RUN_PHASE_START.name, matchers, *run.span)
    ends = source.last(metrics.RUN_PHASE_END.name, matchers, *run.span)
    last_seen = _last_seen(source, run, matchers)
    mine = [(start, end) for start, end, _ in _spans(run)]
    for window in windows_of(starts, ends):
        for phase in window.phases.values():
            # A phase without an end goes on as long as its generator tells of it.
            end = last_seen if phase.end is None else phase.end
            if any(
                phase.start < theirs_end - _TOUCH_SECONDS and end > theirs + _TOUCH_SECONDS
                for theirs, theirs_end in mine
            ):
                return True
    return False


def _last_seen(source: Source, run: Run, matchers: Mapping[str, str]) -> float:
    """The last sample of another run's page: it may have been cut short before this run."""
    infos = source.select(metrics.RUN_INFO.name, matchers, *run.span)
    return max((float(info.times[-1]) for info in infos), default=run.start)
