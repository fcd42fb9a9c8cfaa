"""A run, reduced: series -> windows -> energies -> cells with verdicts and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wattscan import metrics
from wattscan.collector.agreement import read_agreement
from wattscan.collector.cells import Cell, WindowFigures
from wattscan.collector.clocks import read_clocks
from wattscan.collector.device import Device, read_device
from wattscan.collector.evidence import RunRecord
from wattscan.collector.load import LoadFigures, generator_cpu_ratio, merged, read_load
from wattscan.collector.measured import Measured
from wattscan.collector.quality import read_quality
from wattscan.collector.rivals import read_rivals
from wattscan.collector.run_evidence import (
    cooldowns_unwatched,
    evidence_on,
    run_covers_too_much,
    table_sources,
)
from wattscan.collector.series import Source
from wattscan.collector.served import ServedRequests
from wattscan.collector.target_series import TargetSeries
from wattscan.collector.task_ratios import task_ratios
from wattscan.collector.verdict import judge, judge_net
from wattscan.collector.window_figures import figures_of, load_span
from wattscan.collector.windows import Run, Window, find_run
from wattscan.contracts import PaperReading
from wattscan.units import Seconds


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
    spans = [load_span(window) for window in run.windows]
    cpu = generator_cpu_ratio(source, run, spans)
    requests = ServedRequests(target, run, device.table.up if device.table else None)
    figures = []
    unsure = clocks.unknowns if clocks else (Seconds(0.0),) * len(run.windows)
    for window, ratio, unknown in zip(run.windows, cpu, unsure, strict=True):
        found = figures_of(window, device, load, ratio, unknown)
        per_query = run.workload.requests_per_query(run.scenario)
        served = requests.compare(window, found.queries, *per_query)
        figures.append((window, replace(found, served=served)))
    cells = _cells(run, figures, load, device)
    tasks = dict.fromkeys(cell.task for cell in cells)
    ratios = [ratio for task in tasks for ratio in task_ratios(task, run.reference, cells, device)]
    agreement = read_agreement(source, run, device.models)
    measured = Measured(
        run, clocks, device, paper, title, cells, ratios, quality, agreement=agreement
    )
    record = RunRecord(
        clocks=clocks,
        cooldowns_unwatched=cooldowns_unwatched(source, run),
        rivals=read_rivals(source, run, found_run, device.table),
        sources=table_sources(run, device),
        covers_too_much=run_covers_too_much(run, device),
        conflicts=target.conflicts,
        machines=device.machines,
    )
    return replace(measured, cells=tuple(_judged(cell, measured, record) for cell in cells))


def _judged(cell: Cell, measured: Measured, record: RunRecord) -> Cell:
    evidence = evidence_on(cell, measured, record)
    return replace(cell, reasons=judge(evidence), net_reasons=judge_net(evidence))


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
