"""A comparison as JSON, in the shape of `compare.schema.json`. Full precision; null: a run has no
such figure, or there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wattscan.collector.compare import CellPair, Comparison
from wattscan.collector.compare_facts import Fact, load_differences
from wattscan.collector.compare_pairs import Pair
from wattscan.collector.compare_text import result
from wattscan.collector.energy_table import measured_by
from wattscan.collector.render_json import finite
from wattscan.collector.report import Report

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("compare.schema.json")


def compare_json(comparison: Comparison, reports: tuple[Report, Report], exit_code: int) -> str:
    """The comparison as JSON text with a closing newline."""
    limits = comparison.thresholds
    document = {
        "schema_version": SCHEMA_VERSION,
        "a": _run(reports[0]),
        "b": _run(reports[1]),
        "same_run": comparison.is_one_run,
        "load_differs": [_fact(fact) for fact in load_differences(comparison.facts)],
        "changed": [_fact(fact) for fact in comparison.facts if fact.changed],
        "same": [_fact(f) for f in comparison.facts if not f.changed and not f.is_unknown],
        "not_on_record": [f"{f.group}: {f.name}" for f in comparison.facts if f.is_unknown],
        "sensor_error_cancels": not comparison.why_two_sensors,
        "why_sensor_error_counts": comparison.why_two_sensors or None,
        "thresholds": {
            "energy": limits.energy, "latency": limits.latency, "quality": limits.quality
        },
        "cells": [_cell(cell) for cell in comparison.cells],
        "summary": next(result(comparison))[0],
        "worse_beyond_threshold": [_name(*each) for each in comparison.worse],
        "beyond_threshold_not_shown": [_name(*each) for each in comparison.unproven],
        "not_compared": [{"what": what, "why": why} for what, why in comparison.left_out],
        "exit_code": exit_code,
    }  # fmt: skip
    return json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _run(report: Report) -> dict[str, Any]:
    measured, run = report.measured, report.measured.run
    return {
        "source": report.source,
        "run": run.name,
        "target": run.target,
        "target_title": measured.target_title,
        "start_timestamp_seconds": run.start,
        "energy": measured_by(measured.device.table),
        "verdict": report.verdict,
        "warnings": list(report.warnings),
    }


def _fact(fact: Fact) -> dict[str, Any]:
    """`cells` is empty where it holds for all."""
    return {
        "group": fact.group,
        "name": fact.name,
        "cells": list(fact.cells),
        "a": fact.a,
        "b": fact.b,
    }


def _name(cell: CellPair, pair: Pair) -> dict[str, str]:
    return {"task": cell.task, "precision": cell.precision, "figure": pair.name}


def _cell(cell: CellPair) -> dict[str, Any]:
    return {
        "task": cell.task,
        "precision": cell.precision,
        "verdict": cell.verdict,
        "why_not_compared": cell.why_not or None,
        "figures": [_pair(pair) for pair in cell.pairs],
    }


def _pair(pair: Pair) -> dict[str, Any]:
    ratio = pair.ratio
    return {
        "kind": pair.kind,
        "figure": pair.name,
        "unit": pair.unit or None,
        "a": pair.a,
        "b": pair.b,
        "ratio": ratio.value if ratio else None,
        "low": ratio.low if ratio else None,
        "high": ratio.high if ratio else None,
        "outcome": pair.judgement.outcome,
        "beyond_threshold_not_shown": pair.judgement.unproven,
        "decides": pair.decides,
        "sentence": pair.judgement.sentence,
    }
