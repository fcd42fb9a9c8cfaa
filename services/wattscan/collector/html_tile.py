"""The tiles at the head of the report: a cell's joules, and its ratio."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.collector.cells import Cell, TaskRatio
from wattscan.collector.figure_text import percent_text, ratio_text
from wattscan.collector.headline import Tone, cheapest, ratio_saving, scan_joules, tone
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.reasons import Verdict
from wattscan.collector.tables import NOT_MEASURED, number


@dataclass(frozen=True)
class _TileRatio:
    """What a variant saves, and the ratio that this is told from."""

    saving: str
    tone: Tone
    name: str
    text: str


@dataclass(frozen=True)
class _Tile:
    """One task at a glance: its cheapest variant, and what the others cost."""

    title: str
    precision: str
    joules: str
    how: str
    others: tuple[tuple[str, str], ...]
    ratios: tuple[_TileRatio, ...]
    verdict: Verdict


def tile_of(measured: Measured, task: str) -> _Tile:
    """The tile of a cell."""
    best = cheapest(measured, task)
    shown = best or measured.cell(task, measured.reference)
    others = [
        name
        for name in measured.run.variants
        if best is not None and name != best.precision and measured.cell(task, name)
    ]
    return _Tile(
        title=title_of(task),
        precision=title_of(shown.precision) if shown else "",
        joules=_joules(shown),
        how=_how(measured),
        others=tuple((title_of(name), _joules(measured.cell(task, name))) for name in others),
        ratios=tuple(_tile_ratio(measured, ratio) for ratio in measured.ratios_of(task)),
        verdict=measured.verdict_of(task),
    )


def _tile_ratio(measured: Measured, ratio: TaskRatio) -> _TileRatio:
    variant = title_of(ratio.precision or next(iter(measured.compared), "int8"))
    return _TileRatio(
        saving=ratio_saving(measured, ratio),
        tone=tone(measured, ratio),
        name=f"{title_of(measured.reference)}/{variant}",
        text=ratio_text(ratio.gross, ratio.note) or NOT_MEASURED,
    )


def _how(measured: Measured) -> str:
    """Whether it is computed, and how sure its sensor is."""
    table = measured.device.table
    if table is None:
        return ""
    unsure = table.uncertainty_ratio
    modelled = table.method == "modelled"
    if unsure is None:
        return "modelled" if modelled else ""
    return f"{'modelled,' if modelled else 'sensor'} ±{percent_text(unsure)} (1 sigma)"


def _joules(cell: Cell | None) -> str:
    joules = scan_joules(cell)
    if cell is None or joules is None:
        return NOT_MEASURED
    return f"{number(joules, 3)} J" + (" (invalid)" if cell.verdict == "invalid" else "")
