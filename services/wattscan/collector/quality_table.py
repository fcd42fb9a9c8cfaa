"""The quality table: Dice and AUC-ROC of the models that were measured, as the paper's Table 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wattscan.collector import paper_figures
from wattscan.collector.agreement import NOT_SCORED, agreement_text
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.quality import QualityFigure
from wattscan.collector.quality_notes import (
    METRIC_TITLES,
    difference_name,
    is_phantom,
    quality_notes,
)
from wattscan.collector.tables import NOT_MEASURED, Column, Layout, Row, Table

ORDER = 3

_COLUMNS = (
    Column("target", "target"),
    Column("task", "task"),
    Column("precision", "precision"),
    Column("metric", "metric"),
    Column("dataset", "data set"),
    Column("phantom", "phantom"),
    Column("value", "quality"),
    Column("ptq_value", "quality after calibration alone (PTQ)"),
    Column("difference", "difference"),
    Column("difference_lower", "lower end of its 95 % interval"),
    Column("difference_upper", "upper end of its 95 % interval"),
    Column("sha256", "SHA-256"),
    Column("served", "served in this run"),
    Column("agreement_metric", "agreement by"),
    Column("agreement", "agreement with the reference"),
    Column("agreement_inputs", "agreement on"),
    Column("paper_value", "the paper's own figure"),
)
_OF_SOME = ("ptq_value", "difference", "difference_lower", "difference_upper")
_OF_AGREEMENT = ("agreement_metric", "agreement", "agreement_inputs")


def build(measured: Measured) -> Table:
    """Rows for each score; shown with the variants side by side, the paper's own beside them."""
    rows = tuple(
        row
        for task in measured.tasks
        for row in (
            [*_rows(measured, task), *_agreement_rows(measured, task)] or [_nothing(measured, task)]
        )
    )
    return Table(
        name="quality",
        title="Quality",
        caption="Scores from the model cards of the artifacts that were served.",
        columns=tuple(
            replace(column, heading=difference_name(measured))
            if column.key == "difference"
            else column
            for column in _COLUMNS
        ),
        rows=rows,
        notes=quality_notes(measured),
        layout=_layout(measured),
    )


def _rows(measured: Measured, task: str) -> list[Row]:
    return [
        Row(
            {
                "target": measured.run.target,
                "task": task,
                "precision": figure.precision,
                "metric": figure.metric,
                "dataset": figure.dataset,
                "phantom": "yes" if is_phantom(figure.dataset) else "no",
                "value": figure.value,
                "ptq_value": figure.ptq,
                "difference": _bound(figure, "estimate"),
                "difference_lower": _bound(figure, "lower"),
                "difference_upper": _bound(figure, "upper"),
                "sha256": figure.sha256,
                "served": "yes" if figure.served else "no",
                "paper_value": _paper(task, figure.metric, figure.precision),
            },
            {"paper_value": "none", **dict.fromkeys((*_OF_SOME, *_OF_AGREEMENT), "none")},
        )
        for figure in measured.quality
        if figure.task == task
    ]


def _agreement_rows(measured: Measured, task: str) -> list[Row]:
    return [
        Row(
            {
                "target": measured.run.target,
                "task": task,
                "precision": figure.precision,
                "metric": NOT_SCORED,
                "agreement_metric": figure.agreement.metric,
                "agreement": figure.agreement.value,
                "agreement_inputs": figure.agreement.inputs,
            },
            dict.fromkeys(_OF_SOME, "none"),
        )
        for figure in measured.agreement
        if figure.task == task
    ]


def _nothing(measured: Measured, task: str) -> Row:
    return Row({"target": measured.run.target, "task": task, "precision": None})


def _layout(measured: Measured) -> Layout:
    reference = title_of(measured.reference)
    variants = measured.compared or ("int8",)
    # Of several variants, those have the column that have the figure.
    alone = len(variants) == 1
    calibrated = {f.precision for f in measured.quality if f.ptq is not None}
    headings = ["task", "metric", "data set", reference]
    for variant in variants:
        name = title_of(variant)
        headings += [name, f"{name} - {reference} (95 %)"]
        if alone or variant in calibrated:
            headings.append("PTQ alone" if alone else f"{name}, PTQ alone")
    theirs = ("paper's own: FP32", "paper's own: INT8")
    body: list[tuple[str, ...]] = []
    for task in measured.tasks:
        mine = [f for f in measured.quality if f.task == task and f.served]
        sets = list(dict.fromkeys((figure.metric, figure.dataset) for figure in mine))
        if not sets and any(f.task == task for f in measured.agreement):
            body += _agreements(measured, task, headings)
        elif not sets:
            empty = [NOT_MEASURED] * (len(headings) - 1)
            body.append((title_of(task), *empty, *_papers(task, None)))
        for metric, dataset in sets:
            base, *others = (
                lowest_score(mine, metric, dataset, p) for p in (measured.reference, *variants)
            )
            named = f"{dataset} (phantom)" if is_phantom(dataset) else dataset
            title = METRIC_TITLES.get(metric, metric)
            figures = [score_text(base)]
            for variant, other in zip(variants, others, strict=True):
                figures += [score_text(other), _difference(base, other)]
                figures += [_ptq(other)] if alone or variant in calibrated else []
            body.append((title_of(task), title, named, *figures, *_papers(task, metric)))
    return Layout((*headings, *theirs), tuple(body))


def _agreements(measured: Measured, task: str, headings: Sequence[str]) -> list[tuple[str, ...]]:
    """Rows of a model without a score: how far each variant agrees, on each set of inputs."""
    mine = [f for f in measured.agreement if f.task == task]
    rows = []
    for inputs in dict.fromkeys(f.agreement.inputs for f in mine):
        row = dict.fromkeys(headings[3:], "")
        row[title_of(measured.reference)] = "reference"
        for variant in measured.compared:
            told = [agreement_text(f.agreement) for f in mine
                    if (f.precision, f.agreement.inputs) == (variant, inputs)]  # fmt: skip
            row[title_of(variant)] = ", ".join(told) or NOT_MEASURED
        rows.append((title_of(task), NOT_SCORED, inputs, *row.values(), *_papers(task, None)))
    return rows


def lowest_score(
    figures: Sequence[QualityFigure], metric: str, dataset: str, precision: str
) -> QualityFigure | None:
    """The lowest score of a variant by one metric on one data set; None for none."""
    wanted = (metric, dataset, precision)
    found = [f for f in figures if (f.metric, f.dataset, f.precision) == wanted]
    return min(found, key=lambda figure: figure.value, default=None)


def score_text(figure: QualityFigure | None) -> str:
    """A score as it is printed."""
    return NOT_MEASURED if figure is None else f"{figure.value:.4f}"


def _ptq(figure: QualityFigure | None) -> str:
    return NOT_MEASURED if figure is None or figure.ptq is None else f"{figure.ptq:.4f}"


def _bound(figure: QualityFigure, name: str) -> float | None:
    return None if figure.difference is None else float(getattr(figure.difference, name))


def _difference(reference: QualityFigure | None, figure: QualityFigure | None) -> str:
    if reference is None or figure is None:
        return NOT_MEASURED
    # A card's own difference is from FP32.
    found = figure.difference if reference.precision == "fp32" else None
    if found is None:
        return f"{figure.value - reference.value:+.4f} (no interval)"
    return f"{found.estimate:+.4f} ({found.lower:+.4f} to {found.upper:+.4f})"


def _papers(task: str, metric: str | None) -> tuple[str, ...]:
    metrics = [m for t, m in paper_figures.QUALITY if t == task and metric in (m, None)]
    if not metrics:
        return ("none", "none")
    return tuple(f"{figure:g}" for figure in paper_figures.QUALITY[task, metrics[0]])


def _paper(task: str, metric: str, precision: str) -> float | None:
    figures = paper_figures.QUALITY.get((task, metric))
    return dict(zip(("fp32", "int8"), figures, strict=True)).get(precision) if figures else None
