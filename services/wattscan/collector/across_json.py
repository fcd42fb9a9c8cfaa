"""Several targets as JSON, in the shape of `across.schema.json`. Full precision; null: not
measured, or there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wattscan.collector.across import Across, MeasuredTarget
from wattscan.collector.across_ratio import TargetRatio, target_ratios
from wattscan.collector.across_text import cautions, headline
from wattscan.collector.render_json import (
    cell_figures,
    energy_source,
    finite,
    one_ratio,
    ratio_figures,
)

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("across.schema.json")


def across_json(across: Across, folders: dict[str, str]) -> str:
    """As JSON text with a closing newline. `folders`: that of each target's own report, by name,
    relative to this document."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "headline": headline(across),
        "verdict": across.verdict,
        "kinds": [
            {
                "scope": kind[0] if kind else None,
                "method": kind[1] if kind else None,
                "targets": names,
            }
            for kind, names in across.kinds.items()
        ],
        "load_differs": [asdict(difference) for difference in across.load_differences],
        "warnings": list(cautions(across)),
        "targets": [_target(target, folders[target.name]) for target in across.targets],
        "failures": [asdict(failure) for failure in across.failures],
        "cells": list(_cells(across)),
        "target_ratios": [_target_ratio(ratio) for ratio in target_ratios(across)],
    }
    return json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _target(target: MeasuredTarget, folder: str) -> dict[str, Any]:
    measured, run = target.measured, target.measured.run
    return {
        "name": target.name,
        "target": run.target,
        "target_title": measured.target_title,
        "target_instance": run.target_instance,
        "run": run.name,
        "start_timestamp_seconds": run.start,
        "profile": run.profile,
        "scenario": run.scenario,
        "reference": run.reference,
        "energy_source": energy_source(measured),
        "verdict": target.report.verdict,
        "warnings": list(target.report.warnings),
        "source": target.report.source,
        "folder": folder,
    }


def _cells(across: Across) -> Iterator[dict[str, Any]]:
    """Those that were measured, as the rows of the table are ordered."""
    for task, precision in across.cells:
        for target in across.targets:
            cell = target.measured.cell(task, precision)
            if cell is None:
                continue
            measured, kind = target.measured, target.kind
            is_reference = precision == measured.reference
            ratio = None if is_reference else measured.ratio(task, precision)
            yield {
                "target": target.name,
                "scope": kind[0] if kind else None,
                "method": kind[1] if kind else None,
                **cell_figures(cell),
                "reference": measured.reference,
                "reference_ratio": ratio_figures(measured, ratio) if ratio else None,
            }


def _target_ratio(found: TargetRatio) -> dict[str, Any]:
    scope, method = found.kind
    return {
        "task": found.task,
        "precision": found.precision,
        "target": found.target,
        "base": found.base,
        "scope": scope,
        "method": method,
        "gross": one_ratio(found.gross),
        "net": one_ratio(found.net),
        "verdict": found.verdict,
        "net_verdict": found.net_verdict,
        "why_not": found.why_not or None,
        "note": found.note,
    }
