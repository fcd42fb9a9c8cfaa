"""What else the record shows beside a run: other runs on its target, other generators, overlaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wattscan import metrics
from wattscan.collector.clocks import moved, offset_of
from wattscan.collector.device import EnergySource
from wattscan.collector.hosts import same_host
from wattscan.collector.series import Labels, Source
from wattscan.collector.windows import Run, are_named, windows_of
from wattscan.profiles import PHASES

# Two edges of one clock, told in floating point.
_TOUCH_SECONDS = 0.001
# A graphics card's own energy is that of the service that computes on it.
_CARDS = "nvml"


@dataclass(frozen=True)
class Rivals:
    """`runs` are other runs whose phases overlap this one's on its device; `generators` the
    instances that told of this run; `overlap` two phases of this run that overlap, and
    `out_of_order` a window whose phases did not follow one another as they must, or ""."""

    runs: tuple[str, ...]
    generators: tuple[str, ...]
    overlap: str
    out_of_order: str


def read_rivals(source: Source, run: Run, told: Run, table: EnergySource | None) -> Rivals:
    """What else is there. Raises: WattscanError.

    Args:
        source: of the series.
        run: by the recorder's clock, as the other runs are then.
        told: the same by the generator's own clock, by which its phases follow one another.
        table: the domain that tables read.
    """
    infos = source.last(metrics.RUN_INFO.name, {}, *run.span)
    others = [info.labels for info in infos if info.labels.get("run", "") not in (run.name, "")]
    names = {labels["run"] for labels in others if _same_device(source, run, table, labels)}
    return Rivals(
        runs=tuple(name for name in sorted(names) if _overlaps(source, run, name)),
        generators=run.generators,
        overlap=_overlap_within(told),
        out_of_order=_out_of_order(told),
    )


def _same_device(source: Source, run: Run, table: EnergySource | None, other: Labels) -> bool:
    """Whether another run is on this service, or on another one whose energy is in this table."""
    instance = other.get("target_instance", "")
    if instance == run.target_instance:
        return True
    if not (instance and run.target_instance):
        return other.get("target", "") == run.target
    if table is None or not same_host(instance, run.target_instance):
        return False
    if not table.sensor.startswith(_CARDS):
        return True  # its processor works for every service of the host
    infos = source.select(
        metrics.ENERGY_SOURCE_INFO.name, {"instance": instance, "use": "table"}, *run.span
    )
    theirs = {(i.labels.get("sensor"), i.labels.get("domain")) for i in infos}
    return (table.sensor, table.domain) in theirs


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


def _out_of_order(run: Run) -> str:
    for w in run.windows:
        starts = [w.phases[name].start for name in PHASES if name in w.phases]
        if starts != sorted(starts):
            return f"{w.task} {w.precision}, repeat {w.repeat}"
    return ""


def _overlaps(source: Source, run: Run, other: str) -> bool:
    matchers = {"run": other}
    starts = source.last(metrics.RUN_PHASE_START.name, matchers, *run.span)
    ends = source.last(metrics.RUN_PHASE_END.name, matchers, *run.span)
    last_seen = _last_seen(source, run, matchers)
    mine = [(start, end) for start, end, _ in _spans(run)]
    ahead = offset_of(source, run, matchers)
    for window in windows_of(*(list(filter(are_named, edges)) for edges in (starts, ends))):
        for phase in (moved(phase, ahead) for phase in window.phases.values()):
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
