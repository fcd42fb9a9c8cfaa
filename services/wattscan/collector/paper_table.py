"""The paper's own measure: temperature and power, one reading after minus one before.

Pre is the last sample at or before the idle phase's end, post the last at or before the load
phase's end, of the first repeat (docs/measurement.md, Energy). It is not an energy.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.collector import paper_figures
from wattscan.collector.measured import Measured
from wattscan.collector.paper_layout import layout, platform
from wattscan.collector.series import Series
from wattscan.collector.tables import Column, Row, Table
from wattscan.collector.windows import Window
from wattscan.profiles import IDLE, LOAD
from wattscan.units import Watts, milliwatts_from_watts

ORDER = 2

_COLUMNS = (
    Column("target", "target"),
    Column("task", "task"),
    Column("precision", "precision"),
    Column("measure", "measure"),
    Column("unit", "unit"),
    Column("reading", "reading"),
    Column("source", "domain or zone"),
    Column("pre", "pre"),
    Column("post", "post"),
    Column("delta", "post minus pre"),
    Column("paper_delta", "the paper's own figure"),
    Column("verdict", "verdict"),
)


@dataclass(frozen=True, eq=False)
class _Reading:
    """What is read: the paper's own rail and zone, or the table's domain and the device's."""

    precision: str
    kind: str
    domain: str | None
    power: Series | None
    zone: str | None
    temperature: Series | None


def build(measured: Measured) -> Table:
    """Rows for each task, measure and reading; shown as the paper's Table 2 is."""
    readings = _readings(measured)
    rows = tuple(
        _row(measured, task, measure, reading)
        for task in measured.tasks
        for measure in ("temperature", "power")
        for reading in readings
    )
    return Table(
        name="paper",
        title="The paper's measure: post minus pre",
        caption="One reading each, first repeat: the last at or before the load's end minus the "
        "last at or before the idle phase's end. It says nothing of energy.",
        columns=_COLUMNS,
        rows=rows,
        notes=_notes(measured),
        layout=layout(measured, rows, measured.tasks),
    )


def _readings(measured: Measured) -> list[_Reading]:
    device, stated = measured.device, measured.paper.precision
    precisions = [stated] if stated else measured.run.variants
    found = []
    for precision in precisions:
        rail, table, zone = device.paper, device.table, device.paper_zone
        if rail:
            name, series = (zone.zone, zone.series) if zone else (None, None)
            found.append(_Reading(precision, "paper", rail.domain, rail.power, name, series))
        own = device.zone
        name, series = (own.zone, own.series) if own else (None, None)
        domain, power = (table.domain, table.power) if table else (None, None)
        found.append(_Reading(precision, "table", domain, power, name, series))
    return found


def _row(measured: Measured, task: str, measure: str, reading: _Reading) -> Row:
    hot = measure == "temperature"
    series = reading.temperature if hot else reading.power
    window = _first(measured, task, reading.precision)
    pre, post = _pre_post(series, window)
    if not hot:
        pre, post = _milliwatts(pre), _milliwatts(post)
    cell = measured.cell(task, reading.precision)
    return Row(
        {
            "target": measured.run.target,
            "task": task,
            "precision": reading.precision,
            "measure": measure,
            "unit": "°C" if hot else "mW",
            "reading": reading.kind,
            "source": reading.zone if hot else reading.domain,
            "pre": pre,
            "post": post,
            "delta": None if pre is None or post is None else post - pre,
            "paper_delta": paper_figures.delta(task, measure, platform(measured)),
            "verdict": cell.verdict if cell else None,
        },
        {"paper_delta": "none"},
    )


def _first(measured: Measured, task: str, precision: str) -> Window | None:
    windows = measured.run.windows
    mine = [w for w in windows if (w.task, w.precision) == (task, precision)]
    return min(mine, key=lambda window: window.order, default=None)


def _pre_post(series: Series | None, window: Window | None) -> tuple[float | None, float | None]:
    """The two readings; one from before its own phase began is none at all."""
    if series is None or window is None:
        return None, None
    found: list[float | None] = []
    for name in (IDLE, LOAD):
        phase = window.phases.get(name)
        if phase is None or phase.end is None:
            found.append(None)
        else:
            found.append(series.last_at(phase.end, phase.start))
    return found[0], found[1]


def _milliwatts(watts: float | None) -> float | None:
    return None if watts is None else milliwatts_from_watts(Watts(watts))


def _notes(measured: Measured) -> tuple[str, ...]:
    return (
        *_used(measured),
        f'Lines marked "paper\'s own" are the published figures of {paper_figures.PAPER}, '
        "Table 2, in the same units; Wattscan did not measure them.",
    )


def _used(measured: Measured) -> list[str]:
    """What the paper read on this target, as far as it tells."""
    paper, target = measured.paper, measured.run.target
    facts = {
        "precision": paper.precision,
        "power domain": paper.domain,
        "temperature zone": paper.zone,
    }
    stated = [f"{name} {fact}" for name, fact in facts.items() if fact]
    if not stated and platform(measured) is None:
        return [f"The paper did not measure the target {target}: it has no column for it."]
    missing = [name for name, fact in facts.items() if not fact]
    notes = [f"What the paper read on {target}: {', '.join(stated)}."] if stated else []
    if missing:
        notes.append(f"The paper does not state the {' or the '.join(missing)} of {target}.")
    if paper.domain and measured.device.paper is None:
        notes.append(
            f"The paper's power domain, {paper.domain}, is not in this recording: the figure of "
            "the table's domain stands alone."
        )
    if paper.zone and measured.device.paper_zone is None:
        zone = measured.device.zone
        instead = f"{zone.zone} stands alone" if zone else "no temperature was recorded"
        notes.append(
            f"The paper's temperature zone, {paper.zone}, is not in this recording: {instead}."
        )
    return notes
