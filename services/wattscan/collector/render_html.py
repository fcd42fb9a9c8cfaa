"""A report as one self-contained page: no request leaves it, no script runs in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from wattscan import plugins
from wattscan.collector import details, facts, method
from wattscan.collector.energy_table import ONE_SCAN, measured_by
from wattscan.collector.headline import costs, is_incomplete, summary, verdict
from wattscan.collector.html_tile import tile_of
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.paper_layout import PAPERS_OWN
from wattscan.collector.plot_colours import colour_number
from wattscan.collector.plot_phases import has_cut_short
from wattscan.collector.reasons import VERDICTS, Verdict
from wattscan.collector.run_workload import described
from wattscan.collector.tables import NOT_MEASURED, Table
from wattscan.collector.windows import Run

_TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class ExplainedReason:
    """One reason, and the cells for which it holds, each with its sentence."""

    code: str
    verdict: Verdict
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ShownTable:
    """A table as the template takes it: a key beside each heading and each cell, "" for none."""

    name: str
    title: str
    caption: str
    headings: tuple[tuple[str, str], ...]
    body: tuple[tuple[tuple[str, str], ...], ...]
    notes: tuple[str, ...]


def html(measured: Measured, tables: Sequence[Table], warnings: Sequence[str] = ()) -> str:
    """The page. Every value is escaped. `warnings`: what `bench` warned of when the run began.

    Raises: WattscanError without the `collector` extra.
    """
    jinja2 = plugins.sdk("jinja2", "collector")
    plugins.sdk("matplotlib", "collector")
    # Else it tells of its font cache in the middle of a run's result.
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    from wattscan.collector import plots

    # The plots alone are not escaped: Matplotlib escaped what is in them.
    safe = jinja2.utils.markupsafe.Markup
    page: str = template(jinja2, _TEMPLATE).render(
        run=measured.run,
        headline=costs(measured),
        summary=summary(measured, warnings),
        warnings=warnings,
        one_scan=ONE_SCAN,
        has_cut_short=has_cut_short(measured.run),
        verdict=verdict(measured),
        variants=[
            (title_of(name), colour_number(measured, name)) for name in measured.run.variants
        ],
        tiles=[tile_of(measured, task) for task in measured.tasks],
        tables=[shown(table) for table in tables],
        reasons=explained(measured),
        plots={k: list(map(safe, svgs)) for k, svgs in plots.every(measured).items()},
        empty=_empty(measured),
        facts=run_facts(measured),
        machine=facts.machine(measured.device),
        details=[shown(part(measured)) for part in (details.cells, details.windows)],
        models=shown(details.models(measured)),
        how=method.how(measured),
        command=method.command(measured),
        target_title=measured.target_title,
        has_power=measured.device.table is not None and measured.device.table.power is not None,
        has_temperature=measured.device.zone is not None,
    )
    return page


def template(jinja2: Any, name: str) -> Any:
    """A page's template, which escapes every value."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wattscan.collector", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


def shown(table: Table) -> ShownTable:
    """A table as the template `show` takes it."""
    layout = table.shown
    if table.layout is None:
        columns = [column for column in table.columns if column.shown]
        keys = [column.key if not column.unit else "number" for column in columns]
    else:
        keys = ["paper" if h.startswith(PAPERS_OWN) else "" for h in layout.headings]
    return ShownTable(
        name=table.name,
        title=table.title,
        caption=table.caption,
        headings=tuple(zip(map(_heading, layout.headings), keys, strict=True)),
        body=tuple(tuple(zip(row, _keys(row, keys), strict=True)) for row in layout.body),
        notes=table.notes,
    )


def _keys(row: Sequence[str], keys: Sequence[str]) -> Sequence[str]:
    """A whole line may be the paper's own."""
    return [name or "paper" for name in keys] if PAPERS_OWN in row else keys


def _heading(text: str) -> str:
    """No line ends within `± 95 %`."""
    return re.sub(" (?=%)|(?<=±) ", "\N{NO-BREAK SPACE}", text)


def explained(measured: Measured) -> list[ExplainedReason]:
    """Every reason that holds, the worst first."""
    found: dict[str, tuple[Verdict, list[tuple[str, str]]]] = {}
    for cell in measured.cells:
        for reason in (*cell.reasons, *cell.net_reasons):
            entry = found.setdefault(reason.code, (reason.verdict, []))
            entry[1].append((f"{title_of(cell.task)} {title_of(cell.precision)}", reason.sentence))
    every = [
        ExplainedReason(code, grade, _grouped(cells)) for code, (grade, cells) in found.items()
    ]
    return sorted(every, key=lambda reason: -VERDICTS.index(reason.verdict))


def _grouped(cells: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Cells of which the same sentence holds, in one entry."""
    sentences = dict.fromkeys(sentence for _, sentence in cells)
    return tuple((", ".join(name for name, said in cells if said == s), s) for s in sentences)


def run_facts(measured: Measured) -> list[tuple[str, str]]:
    """What the run was, each fact with its heading."""
    run, zone = measured.run, measured.device.zone
    begun = datetime.fromtimestamp(run.start, timezone.utc)
    return [
        ("Run", run.name),
        ("Begun", f"{begun:%Y-%m-%d %H:%M:%S} UTC"),
        ("Target", f"{run.target} ({measured.target_title}), {run.target_instance}"),
        ("Load generator", run.generator_instance or "not stated"),
        ("Profile", run.profile),
        ("Scenario", run.scenario),
        *([("Workload", load)] if (load := described(run.workload, run.scenario)) else []),
        ("Seed", run.seed),
        ("Wattscan version", run.version),
        ("Energy", measured_by(measured.device.table)),
        ("Temperature", f"{zone.sensor}, zone {zone.zone}" if zone else NOT_MEASURED),
        ("Run length", _run_length(run)),
        ("Clocks", facts.clocks_text(measured.clocks)),
        ("Parts", str(run.parts)),
        ("Complete", "no" if is_incomplete(measured) else "yes"),
    ]


def _run_length(run: Run) -> str:
    """Of a run in parts, the time that was measured apart from the time that has passed."""
    passed = _length(run.end - run.start)
    if run.parts == 1:
        return passed
    phases = [phase for window in run.windows for phase in window.phases.values()]
    measured = sum(phase.end - phase.start for phase in phases if phase.end is not None)
    return f"{_length(measured)} measured in {run.parts} parts, {passed} from start to end"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _empty(measured: Measured) -> dict[str, str]:
    """Why a plot has nothing to show."""
    source = measured.device.table
    energy = "no window has both energy over its load and images that were answered."
    return {
        "energy": measured_by(None) if source is None else f"Nothing to show: {energy}",
        "timeline": "Nothing to show: neither power nor temperature was recorded.",
        "latency": "Nothing to show: the load generator recorded no latency.",
    }
