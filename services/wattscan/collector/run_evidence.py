"""The evidence on each cell of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wattscan import metrics
from wattscan.collector.agreement import of_cell
from wattscan.collector.cells import Cell
from wattscan.collector.device import Device
from wattscan.collector.energy import covers_too_much
from wattscan.collector.evidence import Evidence, RunRecord
from wattscan.collector.hosts import same_host
from wattscan.collector.measured import Measured
from wattscan.collector.quality import QualityFigure, quality_ratio
from wattscan.collector.series import Source
from wattscan.collector.window_figures import load_span
from wattscan.collector.windows import Run
from wattscan.units import Celsius


def cooldowns_unwatched(source: Source, run: Run) -> int:
    """How many cooldowns had no temperature to end by."""
    pages = source.select(metrics.RUN_COOLDOWNS_UNWATCHED.name, run.load_matchers, *run.span)
    # Each part of a run that was resumed counts from 0.
    ends = (page.values[np.append(np.diff(page.values) < 0, True)] for page in pages)
    return int(max((of_parts.sum() for of_parts in ends), default=0))


def evidence_on(cell: Cell, measured: Measured, record: RunRecord) -> Evidence:
    """What a cell is judged by."""
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


def table_sources(run: Run, device: Device) -> tuple[str, ...]:
    """The table sources between the first idle and the last load of each window, as they came."""
    spans = [(window.start, load_span(window)[1]) for window in run.windows]
    first: dict[str, float] = {}
    for uses in device.table_uses:
        name = " ".join(uses.labels.get(label, "?") for label in ("sensor", "domain", "method"))
        inside = [uses.times[(uses.times >= a) & (uses.times <= b)] for a, b in spans]
        for times in inside:
            if times.size:
                first[name] = min(first.get(name, times[0]), times[0])
    return tuple(sorted(first, key=first.__getitem__))


def run_covers_too_much(run: Run, device: Device) -> bool:
    """Whether the counter accounts for more than the whole run."""
    ends = [load_span(window)[1] for window in run.windows]
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
