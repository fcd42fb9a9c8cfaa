"""The quality table: Dice and AUC-ROC of the models that were measured, as the paper's Table 1."""

from __future__ import annotations

from wattscan.collector import paper_figures
from wattscan.collector.measure import Measured
from wattscan.collector.quality import QualityFigure
from wattscan.collector.tables import NOT_MEASURED, Column, Layout, Row, Table, number

ORDER = 3

_COLUMNS = (
    Column("target", "target"),
    Column("task", "task"),
    Column("precision", "precision"),
    Column("metric", "metric"),
    Column("dataset", "data set"),
    Column("phantom", "phantom"),
    Column("value", "quality"),
    Column("sha256", "SHA-256"),
    Column("served", "served in this run"),
    Column("paper_value", "the paper's own figure"),
)
_METRIC_TITLES = {"dice": "Dice", "auc_roc": "AUC-ROC"}


def build(measured: Measured) -> Table:
    """Rows for each score; shown with FP32 and INT8 side by side, the paper's own beside them."""
    rows = tuple(
        row
        for task in _tasks(measured)
        for row in (_rows(measured, task) or [_nothing(measured, task)])
    )
    return Table(
        name="quality",
        title="Quality",
        caption="Scores from the model cards of the artifacts that were served.",
        columns=_COLUMNS,
        rows=rows,
        notes=_notes(measured),
        layout=_layout(measured),
    )


def _tasks(measured: Measured) -> list[str]:
    return list(dict.fromkeys([*measured.tasks, *(f.task for f in measured.quality)]))


def _rows(measured: Measured, task: str) -> list[Row]:
    return [
        Row(
            {
                "target": measured.run.target,
                "task": task,
                "precision": figure.precision,
                "metric": figure.metric,
                "dataset": figure.dataset,
                "phantom": "yes" if _phantom(figure.dataset) else "no",
                "value": figure.value,
                "sha256": figure.sha256,
                "served": "yes" if figure.served else "no",
                "paper_value": _paper(task, figure.metric, figure.precision),
            },
            {"paper_value": "none"},
        )
        for figure in measured.quality
        if figure.task == task
    ]


def _nothing(measured: Measured, task: str) -> Row:
    return Row({"target": measured.run.target, "task": task, "precision": None})


def _layout(measured: Measured) -> Layout:
    headings = ("task", "metric", "data set", "FP32", "INT8", "INT8/FP32")
    theirs = ("paper's own: FP32", "paper's own: INT8")
    body: list[tuple[str, ...]] = []
    for task in _tasks(measured):
        mine = [f for f in measured.quality if f.task == task and f.served]
        sets = list(dict.fromkeys((figure.metric, figure.dataset) for figure in mine))
        if not sets:
            body.append((task, *[NOT_MEASURED] * 5, *_papers(task, None)))
        for metric, dataset in sets:
            fp32, int8 = (_score(mine, metric, dataset, p) for p in ("fp32", "int8"))
            share = f"{int8 / fp32:.1%}" if fp32 and int8 is not None else NOT_MEASURED
            named = f"{dataset} (phantom)" if _phantom(dataset) else dataset
            scores = tuple(NOT_MEASURED if s is None else number(s, 3) for s in (fp32, int8))
            title = _METRIC_TITLES.get(metric, metric)
            body.append((task, title, named, *scores, share, *_papers(task, metric)))
    return Layout(headings + theirs, tuple(body))


def _score(figures: list[QualityFigure], metric: str, dataset: str, precision: str) -> float | None:
    wanted = (metric, dataset, precision)
    found = [f.value for f in figures if (f.metric, f.dataset, f.precision) == wanted]
    return min(found, default=None)


def _papers(task: str, metric: str | None) -> tuple[str, ...]:
    metrics = [m for t, m in paper_figures.QUALITY if t == task and metric in (m, None)]
    if not metrics:
        return ("none", "none")
    return tuple(f"{figure:g}" for figure in paper_figures.QUALITY[task, metrics[0]])


def _paper(task: str, metric: str, precision: str) -> float | None:
    figures = paper_figures.QUALITY.get((task, metric))
    return dict(zip(("fp32", "int8"), figures, strict=True)).get(precision) if figures else None


def _phantom(dataset: str) -> bool:
    return "phantom" in dataset.lower()


def _notes(measured: Measured) -> tuple[str, ...]:
    notes = []
    if any(_phantom(figure.dataset) for figure in measured.quality):
        notes.append(
            "A phantom is a synthetic, labelled set that comes with Wattscan: its scores compare "
            "variants of a model, and say nothing of patients."
        )
    others = [figure for figure in measured.quality if not figure.served]
    notes += [
        f"{figure.task} {figure.precision}: a {figure.metric} of {number(figure.value, 3)} belongs "
        "to another artifact than the one that was measured, and is left out above."
        for figure in others
    ]
    notes.append(
        f"\"Paper's own\" figures are those of {paper_figures.PAPER}, Table 1, on the paper's "
        "clinical data sets; Wattscan did not measure them."
    )
    return tuple(notes)
