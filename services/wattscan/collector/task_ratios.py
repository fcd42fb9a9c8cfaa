"""The ratios of a task: its reference over each variant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from wattscan.collector.cells import KINDS, Cell, Kind, TaskRatio, gross_figure, net_figure
from wattscan.collector.device import Device
from wattscan.collector.devices_alike import ratio_note
from wattscan.collector.names import title_of
from wattscan.collector.ratio import Point, Ratio, energy_ratio

_ONE_VARIANT = "only one variant was measured"


def task_ratios(
    task: str, reference: str, cells: Sequence[Cell], device: Device
) -> Iterator[TaskRatio]:
    """The ratios of a task, or one that says why there is none."""
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
