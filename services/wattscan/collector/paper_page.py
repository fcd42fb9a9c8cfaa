"""The paper's Tables 1 and 2, whole, with ours beside them: what `collect --paper` prints."""

from __future__ import annotations

from dataclasses import replace

from wattscan.collector import paper_figures, paper_table
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.paper_layout import NOT_HERE, PAPERS_OWN, layout
from wattscan.collector.quality_notes import METRIC_TITLES, is_phantom
from wattscan.collector.quality_table import lowest_score, score_text
from wattscan.collector.tables import NOT_MEASURED, Layout, Table

_VARIANTS = ("fp32", "int8")
_OTHER_DATA = (
    "The data sets differ: the paper's scores are on its own clinical data, ours are on the data "
    "set in the last column, a phantom or public data, and of other models. So a score of ours "
    "above or below the paper's says nothing; compare INT8 with FP32 within each."
)
_PHANTOMS = "A phantom is a synthetic data set, made by Wattscan: it says nothing of patients."
_OTHER_LOAD = (
    "What is evaluated differs too: the paper ran its own networks over its data sets, Wattscan "
    "the run's models over the run's images. Ours repeats the paper's reading (which rail, which "
    "zone, when), not its work."
)


def paper_tables(measured: Measured) -> tuple[Table, Table]:
    """Both tables with every task and platform of the paper, and the run's own besides."""
    own = [task for task in measured.tasks if task not in paper_figures.TASKS]
    tasks = (*paper_figures.TASKS, *own)
    second = paper_table.build(measured)
    return _first(measured, tasks), replace(
        second,
        title=f"The paper's Table 2 and ours: {second.title.partition(': ')[2]}",
        layout=layout(measured, second.rows, tasks),
        notes=(*second.notes, _OTHER_LOAD),
    )


def _first(measured: Measured, tasks: tuple[str, ...]) -> Table:
    headings = ["task", "metric"]
    for variant in _VARIANTS:
        headings += [f"{PAPERS_OWN}: {title_of(variant)}", f"ours: {title_of(variant)}"]
    shown = Layout(
        (*headings, "our data set"), tuple(row for task in tasks for row in _rows(measured, task))
    )
    phantoms = any(is_phantom(figure.dataset) for figure in measured.quality)
    return Table(
        name="paper_quality",
        title="The paper's Table 1 and ours: quality",
        caption="Dice and AUC-ROC of the FP32 and INT8 models. Ours are the scores of the models "
        "that this run served, from their cards.",
        columns=(),
        rows=(),
        notes=(
            _OTHER_DATA,
            *([_PHANTOMS] if phantoms else []),
            f'"{PAPERS_OWN.capitalize()}" are the published figures of {paper_figures.PAPER}, '
            "Table 1; Wattscan did not measure them.",
        ),
        layout=shown,
    )


def _rows(measured: Measured, task: str) -> list[tuple[str, ...]]:
    """One for each of our data sets, the paper's metric first; one without ours for none."""
    mine = [f for f in measured.quality if f.task == task and f.served]
    metric = next((m for t, m in paper_figures.QUALITY if t == task), "")
    sets = sorted(
        {(f.metric, f.dataset) for f in mine}, key=lambda each: (each[0] != metric, *each)
    )
    absent = NOT_MEASURED if task in measured.tasks else NOT_HERE
    rows = []
    if metric and metric not in [name for name, _ in sets]:
        rows.append(_row(task, metric, (absent,) * len(_VARIANTS), absent))
    for name, dataset in sets:
        ours = tuple(score_text(lowest_score(mine, name, dataset, v)) for v in _VARIANTS)
        named = f"{dataset} (phantom)" if is_phantom(dataset) else dataset
        rows.append(_row(task, name, ours, named))
    return rows or [_row(task, "", (absent,) * len(_VARIANTS), absent)]


def _row(task: str, metric: str, ours: tuple[str, ...], dataset: str) -> tuple[str, ...]:
    theirs = paper_figures.QUALITY.get((task, metric))
    figures: list[str] = []
    for index, own in enumerate(ours):
        figures += ["none" if theirs is None else f"{theirs[index]:g}", own]
    return (title_of(task), METRIC_TITLES.get(metric, metric) or "none", *figures, dataset)
