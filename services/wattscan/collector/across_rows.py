"""The tables across targets: a row for each task, variant and target, and one for each run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wattscan.collector.across import Across, MeasuredTarget
from wattscan.collector.across_text import notes
from wattscan.collector.figure_text import percent_text, ratio_name
from wattscan.collector.names import title_of
from wattscan.collector.tables import NOT_MEASURED, Column, Row, Table, Value

# The columns that a reader sees after the target, in this order.
_SHOWN = (
    "gross", "net", "watts_mean", "scope", "method", "images_per_second",
    "latency_p50_milliseconds", "latency_p90_milliseconds", "latency_p99_milliseconds",
    "ratio", "verdict",
)  # fmt: skip
_FIRST = (
    Column("task", "task", shown=False),
    Column("precision", "precision", shown=False),
    Column("cell", "task and variant"),
    Column("target", "target"),
    Column("target_instance", "address", shown=False),
    Column("run", "run", shown=False),
    Column("reference", "reference", shown=False),
)
_RUNS = (
    Column("target", "target"),
    Column("title", "hardware"),
    Column("target_instance", "address"),
    Column("run", "run"),
    Column("profile", "profile"),
    Column("scenario", "scenario", shown=False),
    Column("sensor", "sensor"),
    Column("domain", "domain"),
    Column("scope", "scope"),
    Column("method", "method"),
    Column("uncertainty", "sensor uncertainty (1 sigma)"),
    Column("verdict", "verdict"),
)


def figures(across: Across) -> Table:
    """A row for each task, variant and target, in the order in which the targets were given:
    figures of different scope or method have no rank."""
    return Table(
        name="targets",
        title="Energy across targets",
        caption="Each target was measured in a run of its own. The rows of a task and variant are "
        "in the order in which the targets were given.",
        columns=_columns(across),
        rows=tuple(_rows(across)),
        notes=notes(across),
    )


def runs(across: Across) -> Table:
    """A row for each target: its run, and where its energy comes from."""
    return Table(
        name="target_runs",
        title="The targets",
        caption="Where each target's energy comes from.",
        columns=_RUNS,
        rows=tuple(_run(target) for target in across.targets),
    )


def _columns(across: Across) -> tuple[Column, ...]:
    """Those of the energy table; the ones that a reader sees come first."""
    names = {ratio_name(target.measured) for target in across.targets}
    name = names.pop() if len(names) == 1 else "reference/variant"
    known = {column.key: column for column in _energy(across.targets[0]).columns}
    known["ratio"] = replace(known["ratio"], heading=f"{name} (95 %)")
    seen = [replace(known.pop(key), shown=True) for key in _SHOWN]
    own = {column.key for column in _FIRST}
    hidden = [replace(column, shown=False) for key, column in known.items() if key not in own]
    return (*_FIRST, *seen, *(replace(c, heading=_without(c, across, name)) for c in hidden))


def _without(column: Column, across: Across, name: str) -> str:
    """A heading with the ratio's name of all runs in place of the first one's."""
    return column.heading.replace(ratio_name(across.targets[0].measured), name)


def _rows(across: Across) -> Iterator[Row]:
    by_target = [{_cell_of(row): row for row in _energy(t).rows} for t in across.targets]
    for task, precision in across.cells:
        for target, rows in zip(across.targets, by_target, strict=True):
            run = target.measured.run
            own: dict[str, Value] = {
                "task": task,
                "precision": precision,
                "cell": f"{title_of(task)} {title_of(precision)}".rstrip(),
                "target": target.name,
                "target_instance": run.target_instance,
                "run": run.name,
                "reference": run.reference,
            }
            row = rows.get((task, precision))
            yield Row({**row.values, **own}, row.missing) if row else _not_measured(own)


def _not_measured(own: dict[str, Value]) -> Row:
    told = dict.fromkeys(_SHOWN, "") | {"gross": NOT_MEASURED, "verdict": NOT_MEASURED}
    return Row(own, told)


def _cell_of(row: Row) -> tuple[Value, Value]:
    return row.values["task"], row.values["precision"]


def _energy(target: MeasuredTarget) -> Table:
    return next(table for table in target.report.tables if table.name == "energy")


def _run(target: MeasuredTarget) -> Row:
    run, source = target.measured.run, target.measured.device.table
    values: dict[str, Value] = {
        "target": target.name,
        "title": target.measured.target_title,
        "target_instance": run.target_instance,
        "run": run.name,
        "profile": run.profile,
        "scenario": run.scenario,
        "verdict": target.report.verdict,
    }
    if source:
        unsure = source.uncertainty_ratio
        values |= {name: getattr(source, name) for name in ("sensor", "domain", "scope", "method")}
        values["uncertainty"] = None if unsure is None else percent_text(unsure)
    return Row(values, {"uncertainty": "not stated"} if source else {})
