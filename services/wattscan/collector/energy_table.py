"""The energy table: what one image costs, per target, task and precision."""

from __future__ import annotations

from dataclasses import replace

from wattscan.collector.cells import KINDS, Cell, gross_figure
from wattscan.collector.clocks import Clocks
from wattscan.collector.device import EnergySource
from wattscan.collector.facts import clocks_text
from wattscan.collector.figure_text import (
    figure_text,
    intervals_together,
    percent_text,
    ratio_name,
    ratio_text,
)
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.tables import Column, Row, Table, Value
from wattscan.units import milliseconds_from_seconds

ORDER = 1
_RATIO = "RATIO"  # stands for what `ratio_name` says
ONE_SCAN = "A scan is one image here: a frame, a slice or a radiograph."

_COLUMNS = (
    Column("target", "target", shown=False),
    Column("task", "task"),
    Column("precision", "precision"),
    Column("gross", "gross (± 95 %)", "J/image"),
    Column("joules_per_image_gross", "gross, mean", "J/image", shown=False),
    Column("joules_per_image_gross_low", "gross, 95 % from", "J/image", shown=False),
    Column("joules_per_image_gross_high", "gross, 95 % to", "J/image", shown=False),
    Column("joules_per_image_gross_sensor_sigma", "gross, sensor 1 sigma", "J/image", shown=False),
    Column("joules_per_image_gross_scatter", "gross, of it scatter", "J/image", shown=False),
    Column("joules_per_image_gross_bound", "gross, of it error bound", "J/image", shown=False),
    Column("net", "net (± 95 %)", "J/image"),
    Column("joules_per_image_net", "net, mean", "J/image", shown=False),
    Column("joules_per_image_net_low", "net, 95 % from", "J/image", shown=False),
    Column("joules_per_image_net_high", "net, 95 % to", "J/image", shown=False),
    Column("joules_per_image_net_scatter", "net, of it scatter", "J/image", shown=False),
    Column("joules_per_image_net_bound", "net, of it error bound", "J/image", shown=False),
    Column("watts_mean", "mean power", "W"),
    Column("watts_idle", "idle power", "W", shown=False),
    Column("images_per_second", "throughput", "images/s"),
    Column("latency_p50_milliseconds", "p50", "ms"),
    Column("latency_p90_milliseconds", "p90", "ms"),
    Column("latency_p99_milliseconds", "p99", "ms"),
    Column("ratio", f"{_RATIO} (95 %)"),
    Column("ratio_gross", f"{_RATIO}, gross", shown=False),
    Column("ratio_gross_low", f"{_RATIO}, gross, 95 % from", shown=False),
    Column("ratio_gross_high", f"{_RATIO}, gross, 95 % to", shown=False),
    Column("ratio_net", f"{_RATIO}, net", shown=False),
    Column("ratio_net_low", f"{_RATIO}, net, 95 % from", shown=False),
    Column("ratio_net_high", f"{_RATIO}, net, 95 % to", shown=False),
    Column("repeats", "repeats", shown=False),
    Column("images", "images", shown=False),
    Column("queries", "queries", shown=False),
    Column("start_celsius", "start temperature", "°C", shown=False),
    Column("sensor", "sensor", shown=False),
    Column("domain", "domain", shown=False),
    Column("scope", "scope", shown=False),
    Column("method", "method"),
    Column("sensor_uncertainty_ratio", "sensor uncertainty", shown=False),
    Column("provider", "runs on", shown=False),
    Column("verdict", "verdict"),
    Column("net_verdict", "verdict on net", shown=False),
    Column("reasons", "reasons", shown=False),
)
NOTES = (
    f"{ONE_SCAN} J/image is joules for one scan.",
    "Gross is the load's whole energy over the images answered; net is that less the mean idle "
    "power before it. A figure is the mean over the repeats.",
    "± is half the 95 % interval, from 4 repeats on: scatter over the repeats, the error bound of "
    "what the record does not resolve, and the sensor's uncertainty.",
    "A p90 needs 64 queries, a p99 662. A ratio has an interval from 4 repeats on.",
)


def build(measured: Measured) -> Table:
    """One row for each cell."""
    return Table(
        name="energy",
        title="Energy",
        caption=f"Target {measured.run.target}. {measured_by(measured.device.table)}",
        columns=tuple(
            replace(column, heading=column.heading.replace(_RATIO, ratio_name(measured)))
            for column in _COLUMNS
        ),
        rows=tuple(_row(measured, cell) for cell in measured.cells),
        notes=(*NOTES, *intervals_together(measured), *_clocks(measured.clocks)),
        reasons=_reasons(measured),
    )


def _clocks(clocks: Clocks | None) -> tuple[str, ...]:
    corrected = clocks is not None and max(abs(clocks.offset), clocks.range) > clocks.unknown
    return (f"Clocks: {clocks_text(clocks)}.",) if corrected else ()


def measured_by(source: EnergySource | None) -> str:
    """Sensor, domain, scope, method and uncertainty in one sentence."""
    if source is None:
        return "Energy was not measured: the target named no domain for the tables."
    unsure = source.uncertainty_ratio
    if source.method == "modelled":
        stated = "not stated" if unsure is None else f"±{percent_text(unsure)} (1 sigma)"
        return (
            f"Power is modelled, not measured: by {source.sensor}, domain {source.domain}, scope "
            f"{source.scope}; uncertainty {stated}."
        )
    stated = "not stated" if unsure is None else f"±{percent_text(unsure)} of the reading (1 sigma)"
    return (
        f"Sensor {source.sensor}, domain {source.domain}, scope {source.scope}, "
        f"method {source.method}; sensor uncertainty {stated}."
    )


def _row(measured: Measured, cell: Cell) -> Row:
    values: dict[str, Value] = {
        "target": measured.run.target,
        "task": cell.task,
        "precision": cell.precision,
        **_energies(cell),
        "watts_mean": cell.mean(lambda window: window.power),
        "watts_idle": cell.mean(lambda window: window.idle_power),
        "images_per_second": cell.mean(lambda window: window.images_per_second),
        "latency_p50_milliseconds": _milliseconds(cell, 0.5),
        "latency_p90_milliseconds": _milliseconds(cell, 0.9),
        "latency_p99_milliseconds": _milliseconds(cell, 0.99),
        **_ratios(measured, cell),
        "repeats": len(cell.windows),
        "images": _total(cell.values(lambda window: window.images)),
        "queries": cell.latency.total if cell.latency else None,
        "start_celsius": cell.mean(lambda window: window.start_temperature),
        **_source(measured.device.table, cell),
        "provider": ", ".join(sorted({model.provider for model in cell.models})) or None,
        "verdict": cell.verdict,
        "net_verdict": cell.net_verdict,
        "reasons": ", ".join(reason.code for reason in (*cell.reasons, *cell.net_reasons))
        or "none",
    }
    return Row(values, _missing(cell))


def _energies(cell: Cell) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for kind in KINDS:
        figure = cell.joules(kind)
        low, high = (figure.interval if figure else None) or (None, None)
        values[kind] = figure_text(figure) if figure else None
        values[f"joules_per_image_{kind}"] = figure.mean if figure else None
        values[f"joules_per_image_{kind}_low"] = low
        values[f"joules_per_image_{kind}_high"] = high
        values[f"joules_per_image_{kind}_scatter"] = figure.scatter if figure else None
        values[f"joules_per_image_{kind}_bound"] = figure.bound if figure else None
    if cell.net_reasons and isinstance(values.get("net"), str):
        values["net"] = f"{values['net']}, not resolved"
    return values


def _ratios(measured: Measured, cell: Cell) -> dict[str, Value]:
    """On the row of a variant; the reference's row is what it is compared with."""
    ratio = measured.ratio(cell.task, cell.precision)
    if cell.precision == measured.reference:
        every = measured.ratios_of(cell.task)
        is_compared = any(ratio.gross for ratio in every)
        return {"ratio": "reference" if is_compared else (ratio.note or None)}
    text = ratio_text(ratio.gross, ratio.note)
    grade = measured.verdict_of_ratio(ratio)
    # A ratio is worth no more than the worse of its two cells.
    worse = f"{text}, {grade}" if text and ratio.gross and grade != cell.verdict else text
    values: dict[str, Value] = {"ratio": worse}
    for kind, fitted in (("gross", ratio.gross), ("net", ratio.net)):
        values[f"ratio_{kind}"] = fitted.value if fitted else None
        values[f"ratio_{kind}_low"] = fitted.low if fitted else None
        values[f"ratio_{kind}_high"] = fitted.high if fitted else None
    return values


def _source(source: EnergySource | None, cell: Cell) -> dict[str, Value]:
    if source is None:
        return {}
    gross, unsure = cell.mean(gross_figure), source.uncertainty_ratio
    sigma = None if gross is None or unsure is None else gross * unsure
    return {
        "joules_per_image_gross_sensor_sigma": sigma,
        "sensor": source.sensor,
        "domain": source.domain,
        "scope": source.scope,
        "method": source.method,
        "sensor_uncertainty_ratio": source.uncertainty_ratio,
    }


def _missing(cell: Cell) -> dict[str, str]:
    if cell.latency is None:
        return {}
    names = (f"latency_p{percent}_milliseconds" for percent in (50, 90, 99))
    return dict.fromkeys(names, "too few queries")


def _milliseconds(cell: Cell, quantile: float) -> Value:
    seconds = cell.quantile(quantile)
    return None if seconds is None else milliseconds_from_seconds(seconds)


def _total(values: list[float]) -> float | None:
    return sum(values) if values else None


def _reasons(measured: Measured) -> tuple[str, ...]:
    """Each reason once, with the cells that it holds for."""
    cells: dict[tuple[str, str, str], list[str]] = {}
    for cell in measured.cells:
        for reason in (*cell.reasons, *cell.net_reasons):
            key = (reason.verdict, reason.code, reason.sentence)
            cells.setdefault(key, []).append(f"{title_of(cell.task)} {title_of(cell.precision)}")
    return tuple(
        f"{verdict}, {code}: {sentence} ({', '.join(names)})"
        for (verdict, code, sentence), names in cells.items()
    )
