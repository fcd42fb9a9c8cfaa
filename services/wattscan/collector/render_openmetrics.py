"""The cells as OpenMetrics text that Prometheus takes in (docs/metrics.md, "Written back")."""

from __future__ import annotations

from collections.abc import Mapping

from wattscan import metrics
from wattscan.collector.cells import KINDS, Cell, Figure
from wattscan.collector.measured import Measured

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def openmetrics(measured: Measured) -> str:
    """Energy per image and verdicts, stamped with the run's end; a `valid` cell has reason none."""
    stamp = f"{measured.run.end:.3f}"
    lines = _head(metrics.CELL_ENERGY_JOULES)
    for cell in measured.cells:
        for kind in KINDS:
            figure = cell.joules(kind)
            if figure is not None:
                labels = {**_labels(measured, cell), "kind": kind}
                lines.append(_sample(metrics.CELL_ENERGY_JOULES, labels, figure.mean, stamp))
    lines += _head(metrics.CELL_ENERGY_INTERVAL)
    for cell in measured.cells:
        for kind in KINDS:
            for part, joules in _parts(cell.joules(kind)):
                labels = {**_labels(measured, cell), "kind": kind, "part": part}
                lines.append(_sample(metrics.CELL_ENERGY_INTERVAL, labels, joules, stamp))
    verdicts = {
        metrics.CELL_VERDICT: [(c, c.verdict, c.reasons) for c in measured.cells],
        metrics.CELL_NET_VERDICT: [
            (c, c.net_verdict, (*c.reasons, *c.net_reasons)) for c in measured.cells
        ],
    }
    for metric, judged in verdicts.items():
        lines += _head(metric)
        for cell, verdict, reasons in judged:
            for code in [reason.code for reason in reasons] or ["none"]:
                labels = {**_labels(measured, cell), "verdict": verdict, "reason": code}
                lines.append(_sample(metric, labels, 1.0, stamp))
    return "\n".join([*lines, "# EOF", ""])


def _parts(figure: Figure | None) -> list[tuple[str, float]]:
    if figure is None:
        return []
    low, high = figure.interval or (None, None)
    parts = {"low": low, "high": high, "scatter": figure.scatter, "bound": figure.bound}
    every = {**parts, "sensor": figure.sensor}
    return [(name, joules) for name, joules in every.items() if joules is not None]


def _labels(measured: Measured, cell: Cell) -> dict[str, str]:
    run = measured.run
    names = {"run": run.name, "target": run.target}
    return {**names, "task": cell.task, "precision": cell.precision}


def _head(metric: metrics.Metric) -> list[str]:
    return [f"# TYPE {metric.name} {metric.kind}", f"# HELP {metric.name} {metric.help}"]


def _sample(metric: metrics.Metric, labels: Mapping[str, str], value: float, stamp: str) -> str:
    inner = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items())
    return f"{metric.name}{{{inner}}} {value!r} {stamp}"
