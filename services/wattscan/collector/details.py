"""The report page's long tables: a row for each cell, each window and each model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from wattscan.collector.cells import Cell, Kind, WindowFigures
from wattscan.collector.facts import NOT_ON_RECORD, told
from wattscan.collector.figure_text import ratio_name, ratio_text
from wattscan.collector.load import Queries
from wattscan.collector.measured import Measured
from wattscan.collector.tables import NOT_MEASURED, Column, Row, Table, Value, number

_NET_RATIO = Column("net_ratio", "net (95 %)")
_CELLS = (
    Column("task", "task"),
    Column("precision", "variant"),
    Column("repeats", "repeats"),
    Column("images", "images"),
    Column("load", "load", "s"),
    Column("gross_parts", "gross, ± of scatter, bound, sensor", "J/image"),
    Column("net_parts", "net, ± of scatter, bound, sensor", "J/image"),
    _NET_RATIO,
    Column("idle", "idle power", "W"),
    Column("coverage", "least coverage", "%"),
    Column("error", "errors"),
    Column("dropped", "drops"),
    Column("generator", "most generator CPU", "%"),
    Column("verdict", "verdict"),
    Column("net_verdict", "on net"),
)
_WINDOWS = (
    Column("task", "task"),
    Column("precision", "variant"),
    Column("repeat", "repeat"),
    Column("start", "load began", "UTC"),
    Column("load", "load", "s"),
    Column("images", "images"),
    Column("queries", "ok / error / dropped"),
    Column("gross", "gross", "J/image"),
    Column("net", "net", "J/image"),
    Column("bound", "gross / net bound", "%"),
    Column("idle", "idle power", "W"),
    Column("power", "mean power", "W"),
    Column("coverage", "coverage", "%"),
    Column("resets", "resets"),
    Column("temperature", "start", "°C"),
    Column("generator", "generator CPU", "%"),
)
_MODELS = (
    Column("task", "task"),
    Column("precision", "variant"),
    Column("backend", "backend"),
    Column("provider", "runs on"),
    Column("engine_version", "engine version"),
    Column("threads", "threads"),
    Column("max_batch_size", "largest batch", "images"),
    Column("sha256", "model SHA-256"),
)


def cells(measured: Measured) -> Table:
    """What the energy table leaves out of each cell."""
    rows = tuple(Row(_cell(measured, cell)) for cell in measured.cells)
    named = replace(_NET_RATIO, heading=f"{ratio_name(measured)}, {_NET_RATIO.heading}")
    columns = tuple(named if column is _NET_RATIO else column for column in _CELLS)
    return Table("cells", "Each variant", "", columns, rows)


def windows(measured: Measured) -> Table:
    """A row for each window, in the order of the cells."""
    rows = (Row(_window(cell, window)) for cell in measured.cells for window in cell.windows)
    return Table("windows", "Each window", "", _WINDOWS, tuple(rows))


def models(measured: Measured) -> Table:
    """What each variant ran in."""
    rows = tuple(
        Row(
            {
                **_names(cell),
                "backend": model.backend,
                "provider": f"{model.provider} ({model.format})",
                "engine_version": told(model.engine_version),
                "threads": told(model.threads),
                "max_batch_size": told(model.max_batch_size),
                "sha256": model.sha256,
            }
        )
        for cell in measured.cells
        for model in cell.models
    )
    return Table("models", "Each model", "", _MODELS, rows)


def _cell(measured: Measured, cell: Cell) -> dict[str, Value]:
    ratio = measured.ratio(cell.task, cell.precision)
    is_reference = cell.precision == measured.reference
    coverage = cell.values(lambda window: window.coverage_ratio)
    generator = cell.values(lambda window: window.generator_cpu_ratio)
    return {
        **_names(cell),
        "repeats": str(len(cell.windows)),
        "images": _whole(_total(cell, lambda window: window.images)),
        "load": _fixed(_total(cell, lambda window: window.duration)),
        "gross_parts": _parts(cell, "gross"),
        "net_parts": _parts(cell, "net"),
        "net_ratio": "reference" if is_reference else ratio_text(ratio.net, ratio.note),
        "idle": cell.mean(lambda window: window.idle_power),
        "coverage": _percent(min(coverage, default=None)),
        "error": _whole(_lost(cell, lambda queries: queries.error)),
        "dropped": _whole(_lost(cell, lambda queries: queries.dropped)),
        "generator": _percent(max(generator, default=None)),
        "verdict": cell.verdict,
        "net_verdict": cell.net_verdict,
    }


def _window(cell: Cell, window: WindowFigures) -> dict[str, Value]:
    queries = window.queries
    counts = (queries.ok, queries.error, queries.dropped) if queries else None
    return {
        **_names(cell),
        "repeat": window.repeat,
        "start": _clock(window.start),
        "load": _fixed(window.duration),
        "images": _whole(window.images),
        "queries": " / ".join(f"{count:.0f}" for count in counts) if counts else None,
        "gross": window.joules_per_image,
        "net": window.net_joules_per_image,
        "bound": _bounds(window),
        "idle": window.idle_power,
        "power": window.power,
        "coverage": _percent(window.coverage_ratio),
        "resets": str(window.resets),
        "temperature": _fixed(window.start_temperature),
        "generator": _percent(window.generator_cpu_ratio),
    }


def _names(cell: Cell) -> dict[str, Value]:
    return {"task": cell.task, "precision": cell.precision}


def _parts(cell: Cell, kind: Kind) -> str | None:
    """A mean, and what its interval is made of."""
    figure = cell.joules(kind)
    if figure is None:
        return None
    parts = (figure.scatter, figure.bound, figure.sensor)
    told = [NOT_ON_RECORD if part is None else number(part, 2) for part in parts]
    if figure.scatter is None:
        told[0] = "no interval"
    return f"{number(figure.mean)} ± {', '.join(told)}"


def _bounds(window: WindowFigures) -> str | None:
    pairs = ((window.gross_bound, window.gross), (window.net_bound, window.net))
    told = [None if bound is None or not joules else bound / joules for bound, joules in pairs]
    return " / ".join(_percent(ratio) or NOT_MEASURED for ratio in told)


def _total(cell: Cell, figure: Callable[[WindowFigures], float | None]) -> float | None:
    values = cell.values(figure)
    return sum(values) if values else None


def _lost(cell: Cell, count: Callable[[Queries], float]) -> float | None:
    return _total(cell, lambda window: count(window.queries) if window.queries else None)


def _whole(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _fixed(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _percent(ratio: float | None) -> str | None:
    return None if ratio is None else f"{100 * ratio:.1f}"


def _clock(moment: float | None) -> str | None:
    return None if moment is None else f"{datetime.fromtimestamp(moment, timezone.utc):%H:%M:%S}"
