"""A report as JSON, in the shape of `tables.schema.json`. Full precision; null: not measured."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wattscan.collector.cells import KINDS, Cell, Figure, TaskRatio, WindowFigures
from wattscan.collector.clocks import Clocks
from wattscan.collector.headline import headline, verdict
from wattscan.collector.measured import Measured
from wattscan.collector.ratio import Ratio
from wattscan.collector.run_workload import RunWorkload
from wattscan.collector.tables import Table

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("tables.schema.json")


def json_text(
    measured: Measured, tables: tuple[Table, ...], source: str, warnings: tuple[str, ...] = ()
) -> str:
    """The report as JSON text with a closing newline."""
    document = json_document(measured, tables, source, warnings)
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_document(
    measured: Measured, tables: tuple[Table, ...], source: str, warnings: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The report as what `json` takes."""
    zone = measured.device.zone
    document = {
        "schema_version": SCHEMA_VERSION,
        "source": source,
        "run": _run(measured),
        "clocks": _clocks(measured.clocks),
        "verdict": verdict(measured),
        "headline": headline(measured, warnings),
        "warnings": list(warnings),
        "energy_source": energy_source(measured),
        "temperature_zone": {"sensor": zone.sensor, "zone": zone.zone} if zone else None,
        "cells": [_cell(cell) for cell in measured.cells],
        "ratios": [
            {"task": ratio.task, "precision": ratio.precision or None}
            | ratio_figures(measured, ratio)
            for ratio in measured.ratios
        ],
        "tables": [_table(table) for table in tables],
    }
    cleaned: dict[str, Any] = finite(document)
    return cleaned


def _run(measured: Measured) -> dict[str, Any]:
    run = measured.run
    return {
        "run": run.name,
        "target": run.target,
        "target_title": measured.target_title,
        "target_instance": run.target_instance,
        "generator_instance": run.generator_instance,
        "profile": run.profile,
        "scenario": run.scenario,
        "seed": run.seed,
        "version": run.version,
        "start_timestamp_seconds": run.start,
        "end_timestamp_seconds": run.end,
        "cut_short": run.cut_short,
        "parts": run.parts,
        "reference": run.reference,
        "workload": _workload(run.workload),
    }


def energy_source(measured: Measured) -> dict[str, Any] | None:
    """Where the energy of the tables comes from; None where none was measured."""
    table = measured.device.table
    names = ("sensor", "domain", "scope", "method", "uncertainty_ratio")
    return {name: getattr(table, name) for name in names} if table else None


def ratio_figures(measured: Measured, ratio: TaskRatio) -> dict[str, Any]:
    """The reference over a variant, and what that is worth."""
    return {
        "gross": one_ratio(ratio.gross),
        "net": one_ratio(ratio.net),
        "verdict": measured.verdict_of_ratio(ratio),
        "net_verdict": measured.net_verdict_of_ratio(ratio),
        "note": ratio.note,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        **cell_figures(cell),
        "models": [asdict(model) for model in cell.models],
        "windows": [_window(window) for window in cell.windows],
    }


def cell_figures(cell: Cell) -> dict[str, Any]:
    """A cell without its models and windows."""
    energies = {kind: _figure(cell.joules(kind)) for kind in KINDS}
    return {
        "task": cell.task,
        "precision": cell.precision,
        "verdict": cell.verdict,
        "reasons": [asdict(reason) for reason in cell.reasons],
        "net_verdict": cell.net_verdict,
        "net_reasons": [asdict(reason) for reason in cell.net_reasons],
        "joules_per_image": energies,
        "watts_mean": cell.mean(lambda window: window.power),
        "images_per_second": cell.mean(lambda window: window.images_per_second),
        "latency_seconds": {
            name: cell.quantile(ratio)
            for name, ratio in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
        },
        "queries_timed": cell.latency.total if cell.latency else None,
    }


def _figure(figure: Figure | None) -> dict[str, Any]:
    low, high = (figure.interval if figure else None) or (None, None)
    parts = ("mean", "scatter", "bound", "sensor")
    values = {name: getattr(figure, name) if figure else None for name in parts}
    return {**values, "low": low, "high": high}


def _window(window: WindowFigures) -> dict[str, Any]:
    queries = window.queries
    return {
        "repeat": window.repeat,
        "load_start_timestamp_seconds": window.start,
        "load_seconds": window.duration,
        "images": window.images,
        "queries": asdict(queries) if queries else None,
        "joules_gross": window.gross,
        "joules_net": window.net,
        "joules_gross_bound": window.gross_bound,
        "joules_net_bound": window.net_bound,
        "joules_per_image_gross": window.joules_per_image,
        "joules_per_image_net": window.net_joules_per_image,
        "watts_mean": window.power,
        "watts_idle": window.idle_power,
        "coverage_ratio": window.coverage_ratio,
        "counter_resets": window.resets,
        "sensor_down_at_edge": window.down_at_edge,
        "start_celsius": window.start_temperature,
        "throttled": window.throttled,
        "generator_cpu_ratio": window.generator_cpu_ratio,
    }


def _workload(workload: RunWorkload) -> dict[str, Any]:
    return {
        **workload.settings,
        **({"queries_per_second": dict(workload.rates)} if workload.rates else {}),
        **({"senders": workload.senders} if workload.senders else {}),
    }


def _clocks(clocks: Clocks | None) -> dict[str, Any] | None:
    names = ("offset", "range", "unknown", "apart", "offset_known")
    return {name: getattr(clocks, name) for name in names} if clocks else None


def one_ratio(ratio: Ratio | None) -> dict[str, Any] | None:
    """A ratio with its interval; None where there is none."""
    if ratio is None:
        return None
    return {**asdict(ratio), "shows_a_difference": ratio.shows_a_difference}


def _table(table: Table) -> dict[str, Any]:
    columns = [{"key": c.key, "heading": c.heading, "unit": c.unit} for c in table.columns]
    return {
        "name": table.name,
        "title": table.title,
        "caption": table.caption,
        "columns": columns,
        "rows": [{c.key: row.values.get(c.key) for c in table.columns} for row in table.rows],
        "notes": list(table.notes),
    }


def finite(value: Any) -> Any:
    """A document without infinities: JSON knows no infinity: such a figure is not measured."""
    if isinstance(value, dict):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
