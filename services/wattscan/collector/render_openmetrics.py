"""The cells as OpenMetrics text that Prometheus takes in (docs/metrics.md, "Written back")."""

from __future__ import annotations

from collections.abc import Mapping

from wattscan import metrics
from wattscan.collector.cells import Cell, gross_figure, net_figure
from wattscan.collector.measure import Measured

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def openmetrics(measured: Measured) -> str:
    """Energy per image and verdicts, stamped with the run's end; a `valid` cell has reason none."""
    stamp = f"{measured.run.end:.3f}"
    lines = _head(metrics.CELL_ENERGY_JOULES)
    for cell in measured.cells:
        for kind, figure in (("gross", gross_figure), ("net", net_figure)):
            joules = cell.mean(figure)
            if joules is not None:
                labels = {**_labels(measured, cell), "kind": kind}
                lines.append(_sample(metrics.CELL_ENERGY_JOULES, labels, joules, stamp))
    lines += _head(metrics.CELL_VERDICT)
    for cell in measured.cells:
        for code in [reason.code for reason in cell.reasons] or ["none"]:
            labels = {**_labels(measured, cell), "verdict": cell.verdict, "reason": code}
            lines.append(_sample(metrics.CELL_VERDICT, labels, 1.0, stamp))
    return "\n".join([*lines, "# EOF", ""])


def _labels(measured: Measured, cell: Cell) -> dict[str, str]:
    run = measured.run
    names = {"run": run.name, "target": run.target}
    return {**names, "task": cell.task, "precision": cell.precision}


def _head(metric: metrics.Metric) -> list[str]:
    return [f"# TYPE {metric.name} {metric.kind}", f"# HELP {metric.name} {metric.help}"]


def _sample(metric: metrics.Metric, labels: Mapping[str, str], value: float, stamp: str) -> str:
    inner = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items())
    return f"{metric.name}{{{inner}}} {value!r} {stamp}"
