"""A run's results as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from loadtest.serving import calls
from loadtest.serving.clinical import STAGES
from loadtest.serving.networks import TASKS
from loadtest.serving.results import (
    CEILING,
    MeasuredServer,
    MedianFigure,
    Results,
    ahead,
    efficiency,
    over_rounds,
)
from loadtest.serving.servers import WATTSCAN, Spec
from loadtest.serving.window import TimedStretch

_MISSING = "-"
_BARE_SESSIONS = (1, 2)
Cell = Callable[[str, MeasuredServer, int], str]
_MEASURES: tuple[tuple[str, int, Callable[[TimedStretch], float | None]], ...] = (
    ("Inferences a second:", 1, lambda w: w.throughput),
    ("Latency, p50, in milliseconds:", 2, lambda w: 1e3 * w.p50),
    ("Latency, p99, in milliseconds:", 2, lambda w: None if w.p99 is None else 1e3 * w.p99),
)


def render(results: Results, specs: Sequence[Spec], versions: dict[str, str]) -> str:
    """All tables, network by network, then the clinical frames', then the servers'."""
    networks = [model for model in results.entries if model not in TASKS]
    tasks = [model for model in results.entries if model in TASKS]
    parts = ["### In short", summary(results, networks)] if networks else []
    parts += [text for model in networks for text in _of_model(results, model)]
    if tasks:
        parts += ["### Clinical frames", *_of_tasks(results, tasks)]
    return "\n\n".join([*parts, "### Servers", servers(results, specs, versions)])


def summary(results: Results, models: Sequence[str]) -> str:
    """Medians alone, at the least and the greatest load."""
    few, many = min(results.clients), max(results.clients)
    columns = [("CPU efficiency", n) for n in dict.fromkeys((few, many))]
    columns.append(("inferences/s", many))
    heading = ["server, protocol"]
    heading += [f"{m}: {what}, {_clients(n)}" for m in models for what, n in columns]
    rows = []
    for entry in results.entries[models[0]]:
        cells = [_short(results, (m, entry, n), what) for m in models for what, n in columns]
        rows.append([_title(entry), *cells])
    return table(heading, rows)


def _short(results: Results, at: tuple[str, MeasuredServer, int], what: str) -> str:
    if at[:2] in results.absent:
        return "not run"
    if what == "CPU efficiency":
        found, digits = efficiency(results, *at), 2
    else:
        found, digits = over_rounds(results, at, of=lambda w: w.throughput), 0
    return _MISSING if found is None else f"{found.median:.{digits}f}"


def _of_model(results: Results, model: str) -> Iterable[str]:
    yield f"### {model}"
    yield "CPU efficiency: 1 is the bare session, one inference at a time."
    yield _matrix(results, model, lambda *at: _cell(efficiency(results, *at), 3), explain=True)
    for title, digits, of in _MEASURES:
        yield title
        yield _matrix(results, model, _measure(results, digits, of))
    yield _ahead(results, model)


def _of_tasks(results: Results, tasks: Sequence[str]) -> Iterable[str]:
    yield "What a request takes in the bare pipeline, in milliseconds:"
    rows = [[task, *_stages(results, task)] for task in tasks]
    yield table(["task", *STAGES, "all"], rows)
    yield "CPU efficiency: 1 is the bare pipeline. Ratio: its inverse."
    heading = ["task", "server, protocol", "clients", "CPU efficiency", "ratio", "requests/s"]
    loads = dict.fromkeys((min(results.clients), max(results.clients)))
    rows = [
        [task, *row]
        for task in tasks
        for entry in results.entries[task]
        for row in _task_rows(results, (task, entry), [1] if entry == CEILING else loads)
    ]
    yield table([*heading, "p50 [ms]", "p99 [ms]"], rows)


def _stages(results: Results, task: str) -> Iterable[str]:
    for of in (*map(_stage, STAGES), lambda w: 1e3 * sum(w.stages.values())):
        yield _cell(over_rounds(results, (task, CEILING, 1), of=of), 2)


def _stage(name: str) -> Callable[[TimedStretch], float]:
    return lambda w: 1e3 * w.stages[name]


def _task_rows(
    results: Results, at: tuple[str, MeasuredServer], loads: Iterable[int]
) -> Iterable[Sequence[str]]:
    title = "bare pipeline" if at[1] == CEILING else _title(at[1])
    if at in results.absent:
        yield [title, f"not run: {_plain(results.absent[at])}", *[""] * 5]
        return
    for clients in loads:
        ratio = efficiency(results, *at, clients)
        cells = [_cell(ratio, 3), _cell(ratio and ratio.inverse(), 2)]
        cells += [_cell(over_rounds(results, (*at, clients), of=of), n) for _, n, of in _MEASURES]
        yield [title, str(clients), *cells]


def _measure(results: Results, digits: int, of: Callable[[TimedStretch], float | None]) -> Cell:
    return lambda *at: _cell(over_rounds(results, at, of=of), digits)


def _ahead(results: Results, model: str) -> str:
    if not any(s.model == model and s.entry.server == WATTSCAN for s in results.samples):
        return "Wattscan's tensor protocols were not run: nothing to compare."
    found = [
        f"- {_title(entry)}, {_clients(clients)}: {what}"
        for entry, clients, what in ahead(results, model, WATTSCAN)
    ]
    title = (
        "Ahead of Wattscan through the same protocol, each round of theirs beyond each of ours "
        "(percentile 99 where all windows of both have one):"
    )
    return "\n".join([f"{title}\n", *found]) if found else f"{title} none, at no load."


def _matrix(results: Results, model: str, cell: Cell, explain: bool = False) -> str:
    """A row for each server and protocol, a column for each number of clients."""
    columns = sorted({*results.clients, *_BARE_SESSIONS})
    heading = ["server, protocol", *map(_clients, columns)]
    rows = []
    for entry in results.entries[model]:
        reason = results.absent.get((model, entry))
        cells = [cell(model, entry, n) for n in columns]
        if reason:
            text = f"not run: {_plain(reason)}" if explain else "not run"
            cells = [text, *[""] * (len(columns) - 1)]
        rows.append([_title(entry), *cells])
    return table(heading, rows)


def servers(results: Results, specs: Sequence[Spec], versions: dict[str, str]) -> str:
    """How each was set, what it takes to hold, and how long until it answers."""
    heading = ("server", "settings", "versions", "processes", "resident [MB]", "ready after [s]")
    rows = []
    for spec in specs:
        facts = [results.facts[at] for at in results.facts if at[0] == spec.name]
        resident = [statistics.median(each.resident) / 1e6 for each in facts if each.resident]
        rows.append(
            [
                spec.name,
                spec.settings,
                versions.get(spec.name) or _MISSING,
                _MISSING if not facts else str(facts[0].processes),
                " / ".join(f"{value:.0f}" for value in resident) or _MISSING,
                " / ".join(f"{each.ready_seconds:.2f}" for each in facts) or _MISSING,
                " / ".join(f"{100 * each.idle_cores:.1f}" for each in facts) or _MISSING,
            ]
        )
    return table([*heading, "idle [% of a core]"], rows)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _title(entry: MeasuredServer) -> str:
    if entry == CEILING:
        return "bare session, that many at a time"
    return f"{entry.server}, {calls.TITLES[entry.protocol]}"


def _plain(text: str) -> str:
    """Fit for a cell."""
    return " ".join(text.replace("|", "/").split())


def _clients(count: int) -> str:
    return f"{count} client{'s' * (count > 1)}"


def _cell(found: MedianFigure | None, digits: int) -> str:
    if found is None:
        return _MISSING
    median, low, high = (f"{v:.{digits}f}" for v in (found.median, found.low, found.high))
    return f"{median} ({low} to {high})"
