"""The paper's Table 2 as a reader sees it: a column for each platform, the paper's figure above
ours."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.collector import paper_figures
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.tables import NOT_MEASURED, Layout, Row

PAPERS_OWN = "paper's own"
NOT_HERE = "not measured here"
_UNITS = {"temperature": "°C", "power": "mW"}


def layout(measured: Measured, rows: Sequence[Row], tasks: Sequence[str]) -> Layout:
    """Of each task and measure the paper's figures, and a line for each reading of ours.

    Args:
        measured: the run.
        rows: the table's rows.
        tasks: what to show; those that the run has not measured, too.
    """
    here = platform(measured)
    columns = (*paper_figures.TARGETS, *([] if here else [measured.run.target]))
    own = here or measured.run.target
    headings = [f"{name} (this run)" if name == own else name for name in columns]
    body = []
    for task in tasks:
        for measure, unit in _UNITS.items():
            names = (title_of(task), f"{measure} [{unit}]")
            theirs = (paper_figures.delta(task, measure, name) for name in columns)
            body.append((*names, PAPERS_OWN, *(_signed(figure, measure) for figure in theirs)))
            mine = [r for r in rows if (r.values["task"], r.values["measure"]) == (task, measure)]
            for whose, text in (_ours(measured, mine) or {"ours": NOT_MEASURED}).items():
                cells = (text if name == own else NOT_HERE for name in columns)
                body.append((*names, whose, *cells))
    return Layout(("task", "measure", "whose", *headings), tuple(body))


def platform(measured: Measured) -> str | None:
    """The paper's platform that the run was made on; None for another one."""
    return paper_figures.platform_of(measured.run.target, measured.target_title)


def _ours(measured: Measured, rows: Sequence[Row]) -> dict[str, str]:
    """A line's name -> its figure; where both readings are of one rail or zone, the paper's."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for row in sorted(rows, key=lambda row: row.values["reading"] != "paper"):
        precision, source = str(row.values["precision"]), row.values["source"]
        what = f"{source}{_how(measured, row)}" if source else "no sensor"
        name = f"ours, {title_of(precision)}: {what}"
        found.setdefault((precision, str(source)), (name, _figure(row)))
    return dict(found.values())


def _how(measured: Measured, row: Row) -> str:
    """Of a power: whose domain it is, and how it was measured."""
    if row.values["measure"] != "power":
        return ""
    is_paper = row.values["reading"] == "paper"
    domain = measured.device.paper if is_paper else measured.device.table
    which = "the paper's rail" if is_paper else "the tables' domain"
    return f" ({which}, {domain.method})" if domain else ""


def _figure(row: Row) -> str:
    delta = row.values["delta"]
    if not isinstance(delta, float):
        return NOT_MEASURED
    mark = "" if row.values["verdict"] == "valid" else f" ({row.values['verdict']})"
    return f"{_signed(delta, str(row.values['measure']))}{mark}"


def _signed(figure: float | None, measure: str) -> str:
    """With as many digits as the paper prints."""
    if figure is None:
        return "none"
    return f"{figure:+.1f}" if measure == "temperature" else f"{figure:+.0f}"
