"""A run, reduced: series -> windows -> energies -> cells with verdicts and ratios."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattscan import metrics
from wattscan.collector.agreement import AgreementFigure, of_cell, read_agreement
from wattscan.collector.cells import (
    KINDS,
    Cell,
    Kind,
    TaskRatio,
    Verdict,
    WindowFigures,
    gross_figure,
    net_figure,
    worst,
)
from wattscan.collector.clocks import Clocks, read_clocks
from wattscan.collector.device import Device, read_device
from wattscan.collector.devices_alike import ratio_note
from wattscan.collector.energy import (
    covers_too_much,
    gauge_ratio,
    net_bound,
    net_energy,
    phase_energy,
)
from wattscan.collector.evidence import Evidence, RunRecord
from wattscan.collector.hosts import same_host
from wattscan.collector.load import LoadFigures, generator_cpu_ratio, merged, read_load
from wattscan.collector.names import title_of
from wattscan.collector.projection import NOTHING_ASSUMED, Assumptions
from wattscan.collector.quality import QualityFigure, quality_ratio, read_quality
from wattscan.collector.ratio import Point, Ratio, energy_ratio
from wattscan.collector.rivals import read_rivals
from wattscan.collector.series import Source
from wattscan.collector.served import ServedRequests
from wattscan.collector.target_series import TargetSeries
from wattscan.collector.verdict import judge, judge_net
from wattscan.collector.windows import Phase, Run, Window, find_run
from wattscan.contracts import PaperReading
from wattscan.profiles import IDLE, LOAD, WARM_UP
from wattscan.units import Celsius, Seconds

_ONE_VARIANT = "only one variant was measured"


@dataclass(frozen=True, eq=False)
class Measured:
    """Everything that the tables and the report are made from; `run` by the recorder's clock."""

    run: Run
    clocks: Clocks | None
    device: Device
    paper: PaperReading
    target_title: str
    cells: tuple[Cell, ...]
    ratios: Sequence[TaskRatio]
    quality: tuple[QualityFigure, ...]
    assumptions: Assumptions = NOTHING_ASSUMED
    agreement: tuple[AgreementFigure, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The run's tasks in the order in which they were measured."""
        return tuple(dict.fromkeys(cell.task for cell in self.cells))

    @property
    def reference(self) -> str:
        """The variant that the others are compared with."""
        return self.run.reference

    @property
    def compared(self) -> tuple[str, ...]:
        """The variants that are compared with it, by name."""
        return tuple(name for name in self.run.variants if name != self.reference)

    def verdict_of(self, task: str) -> Verdict:
        """The worst verdict of a task's cells."""
        return worst([cell.verdict for cell in self.cells if cell.task == task])

    def verdict_of_ratio(self, ratio: TaskRatio) -> Verdict:
        """The worse verdict of the two cells that it compares."""
        return worst([cell.verdict for cell in self._compared_by(ratio)])

    def net_verdict_of_ratio(self, ratio: TaskRatio) -> Verdict:
        """The same of the ratio of net energies."""
        return worst([cell.net_verdict for cell in self._compared_by(ratio)])

    def _compared_by(self, ratio: TaskRatio) -> list[Cell]:
        names = (self.reference, ratio.precision) if ratio.precision else self.run.variants
        return [c for c in self.cells if c.task == ratio.task and c.precision in names]

    def ratios_of(self, task: str) -> list[TaskRatio]:
        """Those of a task: one for each variant that is compared with the reference, or one that
        says why there is none."""
        return [ratio for ratio in self.ratios if ratio.task == task]

    def ratio(self, task: str, precision: str) -> TaskRatio:
        """That of a variant; of the reference, and of a variant that was not measured, the task's
        first."""
        found = self.ratios_of(task)
        return next((ratio for ratio in found if ratio.precision == precision), found[0])

    def cell(self, task: str, precision: str) -> Cell | None:
        """The cell of a task and a precision."""
        found = (c for c in self.cells if (c.task, c.precision) == (task, precision))
        return next(found, None)


def measure(source: Source, run_name: str | None) -> Measured:
    """Reduce a run, the newest where no name is given. Raises: WattscanError."""
    found_run = find_run(source, run_name)
    clocks = read_clocks(source, found_run)
    run = clocks.corrected(found_run) if clocks else found_run
    title, paper = _target_facts(source, run)
    target = TargetSeries(source, run, clocks.recorder if clocks else {})
    device = read_device(target, run, paper)
    load = read_load(source, run)
    quality = read_quality(source, run, device.models)
    spans = [_load_span(window) for window in run.windows]
    cpu = generator_cpu_ratio(source, run, spans)
    requests = ServedRequests(target, run, device.table.up if device.table else None)
    figures = []
    unsure = clocks.unknowns if clocks else (Seconds(0.0),) * len(run.windows)
    for window, ratio, unknown in zip(run.windows, cpu, unsure, strict=True):
        found = _figures(window, device, load, ratio, unknown)
        per_query = run.workload.requests_per_query(run.scenario)
        served = requests.compare(window, found.queries, *per_query)
        figures.append((window, replace(found, served=served)))
    cells = _cells(run, figures, load, device)
    tasks = dict.fromkeys(cell.task for cell in cells)
    ratios = [ratio for task in tasks for ratio in _ratios(task, run.reference, cells, device)]
    agreement = read_agreement(source, run, device.models)
    measured = Measured(
        run, clocks, device, paper, title, cells, ratios, quality, agreement=agreement
    )
    record = RunRecord(
        clocks=clocks,
        cooldowns_unwatched=_cooldowns_unwatched(source, run),
        rivals=read_rivals(source, run, found_run, device.table),
        sources=_sources(run, device),
        covers_too_much=_covers_too_much(run, device),
        conflicts=target.conflicts,
        machines=device.machines,
    )
    judged = []
    for cell in cells:
        evidence = _evidence(cell, measured, record)
        judged.append(replace(cell, reasons=judge(evidence), net_reasons=judge_net(evidence)))
    return replace(measured, cells=tuple(judged))


def _cooldowns_unwatched(source: Source, run: Run) -> int:
    pages = source.select(metrics.RUN_COOLDOWNS_UNWATCHED.name, run.load_matchers, *run.span)
    # Each part of a run that was resumed counts from 0.
    ends = (page.values[np.append(np.diff(page.values) < 0, True)] for page in pages)
    return int(max((of_parts.sum() for of_parts in ends), default=0))


def _target_facts(source: Source, run: Run) -> tuple[str, PaperReading]:
    """Title and paper reading, as the target's own series tell them: a name alone is no identity.

    Of a service that does not tell: its name, and none.
    """
    told = source.last(metrics.TARGET_INFO.name, run.target_matchers, *run.span)
    if not told:
        return run.target, PaperReading()
    labels = told[0].labels
    precision, domain, zone = (labels.get(name) or None for name in ("precision", "domain", "zone"))
    return labels.get("title") or run.target, PaperReading(precision, domain, zone)


def _load_span(window: Window) -> tuple[float, float]:
    load = window.phases.get(LOAD)
    return (load.start, load.end) if load and load.end is not None else (0.0, 0.0)


def _figures(
    window: Window, device: Device, load: LoadFigures, cpu: float | None, clock: Seconds
) -> WindowFigures:
    key = (window.task, window.precision, window.repeat)
    during, before = window.phases.get(LOAD), window.phases.get(IDLE)
    ended = during if during and during.end is not None else None
    table = device.table
    times = (_shortest(window), clock)
    busy = phase_energy(table, ended, *times) if table and ended else None
    idle = phase_energy(table, before, *times) if table and before and ended else None
    measured = [energy for energy in (busy, idle) if energy]
    told = [energy.coverage_ratio for energy in measured]
    known = [ratio for ratio in told if ratio is not None]
    return WindowFigures(
        repeat=window.repeat,
        start=during.start if during else None,
        duration=_duration(during),
        images=load.images.get(key),
        queries=load.queries.get(key),
        gross=busy.joules if busy else None,
        net=net_energy(busy, idle),
        idle_power=idle.power if idle else None,
        coverage_ratio=min(known) if len(known) == len(told) and known else None,
        resets=sum(energy.resets for energy in measured),
        down_at_edge=any(energy.down_at_edge for energy in measured),
        start_temperature=_temperature(device, before),
        throttled=bool(ended and _throttled(device, ended)),
        generator_cpu_ratio=cpu,
        idle_duration=_duration(before),
        counted_twice=any(energy.counted_twice for energy in measured),
        gauge_ratio=gauge_ratio(table, ended, busy.power) if table and ended and busy else None,
        state_told=all(energy.state_told for energy in measured),
        model_told=device.tells_model(window),
        source_told=device.tells_table(window),
        unsettled=load.unsettled.get(key, ""),
        incidents=load.incidents.get(key, {}),
        warmup_duration=_duration(window.phases.get(WARM_UP)),
        gross_bound=busy.bound if busy else None,
        net_bound=net_bound(busy, idle),
        latency=load.latencies.get(key),
    )


def _duration(phase: Phase | None) -> Seconds | None:
    return None if phase is None or phase.end is None else Seconds(phase.end - phase.start)


def _shortest(window: Window) -> Seconds:
    phases = window.phases.values()
    return Seconds(min((p.end - p.start for p in phases if p.end is not None), default=0.0))


def _temperature(device: Device, idle: Phase | None) -> Celsius | None:
    if device.zone is None or idle is None or idle.end is None:
        return None
    last = device.zone.series.last_at(idle.end, idle.start)
    return None if last is None else Celsius(last)


def _throttled(device: Device, load: Phase) -> bool:
    end = load.start if load.end is None else load.end
    return any((series.between(load.start, end) > 0).any() for series in device.throttled)


def _cells(
    run: Run, figures: Sequence[tuple[Window, WindowFigures]], load: LoadFigures, device: Device
) -> tuple[Cell, ...]:
    tasks = list(dict.fromkeys(window.task for window in run.windows))
    cells = []
    for task, precision in ((task, precision) for task in tasks for precision in run.variants):
        mine = [(w, f) for w, f in figures if (w.task, w.precision) == (task, precision)]
        mine.sort(key=lambda pair: pair[0].order)
        keys = [(task, precision, window.repeat) for window, _ in mine]
        latency = merged(load.latencies[key] for key in keys if key in load.latencies)
        models = device.models.get((task, precision), ())
        if mine:
            windows = tuple(f for _, f in mine)
            unsure = device.table.uncertainty_ratio if device.table else None
            cell = Cell(task, precision, windows, latency, models, sensor_uncertainty_ratio=unsure)
            cells.append(cell)
    return tuple(cells)


def _evidence(cell: Cell, measured: Measured, record: RunRecord) -> Evidence:
    run, device, quality = measured.run, measured.device, measured.quality
    task = [c for c in measured.cells if c.task == cell.task]
    return Evidence(
        cell=cell,
        run=run,
        table=device.table,
        record=record,
        same_host=same_host(run.generator_instance, run.target_instance),
        cut_short=run.cut_short and cell.task == run.windows[-1].task,
        start_difference=_start_difference(task),
        quality_ratios=_quality_ratios(cell, run.reference, task, quality),
        quality_told=any(
            (f.task, f.precision, f.served) == (cell.task, cell.precision, True) for f in quality
        ),
        variants=tuple(task),
        agreements=of_cell(measured.agreement, cell.task, cell.precision, run.reference),
        idle_powers=tuple(p for c in task for p in c.values(lambda window: window.idle_power)),
    )


def _sources(run: Run, device: Device) -> tuple[str, ...]:
    """The table sources between the first idle and the last load of each window, as they came."""
    spans = [(window.start, _load_span(window)[1]) for window in run.windows]
    first: dict[str, float] = {}
    for uses in device.table_uses:
        name = " ".join(uses.labels.get(label, "?") for label in ("sensor", "domain", "method"))
        inside = [uses.times[(uses.times >= a) & (uses.times <= b)] for a, b in spans]
        for times in inside:
            if times.size:
                first[name] = min(first.get(name, times[0]), times[0])
    return tuple(sorted(first, key=first.__getitem__))


def _covers_too_much(run: Run, device: Device) -> bool:
    ends = [_load_span(window)[1] for window in run.windows]
    return device.table is not None and covers_too_much(device.table, run.start, max(ends))


def _start_difference(variants: Sequence[Cell]) -> Celsius | None:
    means = [cell.mean(lambda window: window.start_temperature) for cell in variants]
    known = [mean for mean in means if mean is not None]
    return Celsius(float(np.ptp(known))) if len(known) > 1 else None


def _quality_ratios(
    cell: Cell, reference: str, variants: Sequence[Cell], quality: Sequence[QualityFigure]
) -> dict[str, float | None]:
    """Of the variants that a cell is compared by: its own, or of the reference all others'."""
    others = [each.precision for each in variants if each.precision != reference]
    if len(others) == len(variants):  # there is no reference
        return {}
    names = others if cell.precision == reference else [cell.precision]
    return {name: quality_ratio(quality, cell.task, reference, name) for name in names}


def _ratios(
    task: str, reference: str, cells: Sequence[Cell], device: Device
) -> Iterator[TaskRatio]:
    mine = {cell.precision: cell for cell in cells if cell.task == task}
    others = [cell for name, cell in mine.items() if name != reference]
    if reference not in mine or not others:
        several = len(mine) > 1
        note = f"{title_of(reference)} was not measured" if several else _ONE_VARIANT
        for name in [cell.precision for cell in others if several] or [""]:
            yield TaskRatio(task, name, None, None, note)
        return
    for cell in others:
        comparable, note = ratio_note(device.table, mine[reference], cell)
        gross, net = (
            _fit(mine[reference], cell, kind, len(others)) if comparable else None for kind in KINDS
        )
        yield TaskRatio(task, cell.precision, gross, net, note)


def _fit(reference: Cell, cell: Cell, kind: Kind, intervals: int) -> Ratio | None:
    """None as well where net energy is not above zero: it has no logarithm."""
    points = [_points(each, kind) for each in (reference, cell)]
    if points[0] is None or points[1] is None:
        return None
    both = (reference.joules(kind), cell.joules(kind))
    bounds = [math.inf if f is None or f.bound is None else f.bound / f.mean for f in both]
    return energy_ratio(points[0], points[1], (bounds[0], bounds[1]), intervals)


def _points(cell: Cell, kind: Kind) -> list[Point] | None:
    """None where one of them is not above zero."""
    figure = gross_figure if kind == "gross" else net_figure
    pairs = [(window.start, figure(window)) for window in cell.windows]
    if any(joules is not None and joules <= 0 for _, joules in pairs):
        return None
    return [Point(at, j) for at, j in pairs if at is not None and j is not None]
