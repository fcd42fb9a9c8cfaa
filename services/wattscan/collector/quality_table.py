"""The quality table: Dice and AUC-ROC of the models that were measured, as the paper's Table 1."""

from __future__ import annotations

from wattscan.collector import paper_figures
from wattscan.collector.measure import Measured
from wattscan.collector.quality import QualityFigure
from wattscan.collector.tables import NOT_MEASURED, Column, Layout, Row, Table, number, title_of

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
    Column("difference", "INT8 - FP32"),
    Column("difference_lower", "lower end of its 95 % interval"),
    Column("difference_upper", "upper end of its 95 % interval"),
    Column("sha256", "SHA-256"),
    Column("served", "served in this run"),
    Column("paper_value", "the paper's own figure"),
)
_OF_INT8 = ("ptq_value", "difference", "difference_lower", "difference_upper")
_METRIC_TITLES = {"dice": "Dice", "auc_roc": "AUC-ROC"}


def build(measured: Measured) -> Table:
    """Rows for each score; shown with FP32 and INT8 side by side, the paper's own beside them."""
    rows = tuple(
        row
        for task in measured.tasks
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
                "ptq_value": figure.ptq,
                "difference": _bound(figure, "estimate"),
                "difference_lower": _bound(figure, "lower"),
                "difference_upper": _bound(figure, "upper"),
                "sha256": figure.sha256,
                "served": "yes" if figure.served else "no",
                "paper_value": _paper(task, figure.metric, figure.precision),
            },
            {"paper_value": "none", **dict.fromkeys(_OF_INT8, "none")},
        )
        for figure in measured.quality
        if figure.task == task
    ]


def _nothing(measured: Measured, task: str) -> Row:
    return Row({"target": measured.run.target, "task": task, "precision": None})


def _layout(measured: Measured) -> Layout:
    headings = ("task", "metric", "data set", "FP32", "INT8", "INT8 - FP32 (95 %)", "PTQ alone")
    theirs = ("paper's own: FP32", "paper's own: INT8")
    body: list[tuple[str, ...]] = []
    for task in measured.tasks:
        mine = [f for f in measured.quality if f.task == task and f.served]
        sets = list(dict.fromkeys((figure.metric, figure.dataset) for figure in mine))
        if not sets:
            body.append((title_of(task), *[NOT_MEASURED] * 6, *_papers(task, None)))
        for metric, dataset in sets:
            fp32, int8 = (_lowest(mine, metric, dataset, p) for p in ("fp32", "int8"))
            named = f"{dataset} (phantom)" if _phantom(dataset) else dataset
            title = _METRIC_TITLES.get(metric, metric)
            figures = (_score(fp32), _score(int8), _difference(fp32, int8), _ptq(int8))
            body.append((title_of(task), title, named, *figures, *_papers(task, metric)))
    return Layout(headings + theirs, tuple(body))


def _lowest(
    figures: list[QualityFigure], metric: str, dataset: str, precision: str
) -> QualityFigure | None:
    wanted = (metric, dataset, precision)
    found = [f for f in figures if (f.metric, f.dataset, f.precision) == wanted]
    return min(found, key=lambda figure: figure.value, default=None)


def _score(figure: QualityFigure | None) -> str:
    return NOT_MEASURED if figure is None else f"{figure.value:.4f}"


def _ptq(int8: QualityFigure | None) -> str:
    return NOT_MEASURED if int8 is None or int8.ptq is None else f"{int8.ptq:.4f}"


def _bound(figure: QualityFigure, name: str) -> float | None:
    return None if figure.difference is None else float(getattr(figure.difference, name))


def _difference(fp32: QualityFigure | None, int8: QualityFigure | None) -> str:
    if fp32 is None or int8 is None:
        return NOT_MEASURED
    found = int8.difference
    if found is None:
        return f"{int8.value - fp32.value:+.4f} (no interval)"
    return f"{found.estimate:+.4f} ({found.lower:+.4f} to {found.upper:+.4f})"


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
    quality = [figure for figure in measured.quality if figure.task in measured.tasks]
    if any(_phantom(figure.dataset) for figure in quality):
        notes.append(
            "A phantom is a synthetic, labelled set that comes with Wattscan: its scores compare "
            "variants of a model, and say nothing of patients."
        )
    if any(figure.ptq is not None for figure in quality):
        notes.append(
            "PTQ alone: the same network, quantized after a calibration without being trained with "
            "rounding. The interval of INT8 - FP32 is a paired bootstrap over the held-out set."
        )
    others = [figure for figure in quality if not figure.served]
    notes += [
        f"{title_of(figure.task)} {title_of(figure.precision)}: a score of "
        f"{number(figure.value, 3)} ({_METRIC_TITLES.get(figure.metric, figure.metric)}) is that "
        "of another model file than the one that was measured, and left out above."
        for figure in others
    ]
    notes.append(
        f"\"Paper's own\" figures are those of {paper_figures.PAPER}, Table 1, on the paper's "
        "clinical data sets; Wattscan did not measure them."
    )
    return tuple(notes)
