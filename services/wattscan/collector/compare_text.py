"""A comparison as a page of Markdown: what shapes the figures first, then what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from wattscan.collector.compare import CellPair, Comparison
from wattscan.collector.compare_facts import Fact, load_differences
from wattscan.collector.compare_pairs import Pair
from wattscan.collector.energy_table import measured_by
from wattscan.collector.figure_text import percent_text
from wattscan.collector.ratio import Ratio
from wattscan.collector.render_markdown import escaped, markdown_table
from wattscan.collector.report import Report
from wattscan.collector.tables import Layout, Table, number

_WITHIN_A_RUN = (
    "An interval holds by itself with 95 %, and for what scatters within the two runs and what "
    "their records leave open. What varies from one run to the next (a restart, the room's "
    "temperature, other work on the machine) is in none of them: make each run again to see it."
)
_DECIDES = (
    "Gross energy, latency and quality decide; net energy is told beside them. Energy and latency "
    "are worse beyond the threshold where the whole 95 % interval of B/A lies beyond it; a score "
    "where it is that much lower on the same data set."
)
_ONE_SENSOR = (
    "By the facts on record both runs are of one machine and one sensor, whose own error cancels "
    "in B/A. Two machines of one kind look alike there: give --two-machines if they are two."
)
_HASH_DIGITS = 12
_WHICH = ("A, the base", "B, the new one")


def page(comparison: Comparison, reports: tuple[Report, Report]) -> str:
    """The page. `reports`: the two runs, A first. Every value is escaped."""
    names = [report.measured.run.name for report in reports]
    parts = [f"# Wattscan: {escaped(names[1])} against {escaped(names[0])}"]
    parts += map(escaped, _first_lines(comparison))
    for said, what in result(comparison):
        parts += [escaped(said), *([_bullets(what)] if what else [])]
    runs = [line for each in zip(_WHICH, reports, strict=True) for line in _who(*each)]
    parts.append(f"## The two runs\n\n{_bullets(runs)}")
    parts += [_changes(comparison.facts), markdown_table(_figures(comparison))]
    return "\n\n".join(parts) + "\n"


def result(comparison: Comparison) -> Iterator[tuple[str, list[str]]]:
    """What it comes to: sentences, each with what it is of."""
    limits = comparison.thresholds
    told = ", ".join(
        f"{name} {percent_text(getattr(limits, name))}" for name in ("energy", "latency", "quality")
    )
    if comparison.worse:
        yield f"Worse beyond the threshold ({told}):", _named(comparison.worse)
    else:
        yield f"Nothing is shown to be worse beyond its threshold ({told}).", []
    if comparison.unproven:
        yield "Beyond the threshold, without that being shown:", _named(comparison.unproven)
    if comparison.left_out:
        yield "Not compared:", [f"{what}: {why}" for what, why in comparison.left_out]


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _first_lines(comparison: Comparison) -> Iterator[str]:
    if comparison.is_one_run:
        yield "Both are the same run: nothing can differ."
    differs = load_differences(comparison.facts)
    if differs:
        named = "; ".join(f"{fact.name} is {fact.a} in A and {fact.b} in B" for fact in differs)
        yield f"The load differs: {named}. A difference below may come from that alone."


def _named(found: Sequence[tuple[CellPair, Pair]]) -> list[str]:
    return [f"{cell.title}, {pair.name}: {pair.judgement.sentence}" for cell, pair in found]


def _who(which: str, report: Report) -> Iterator[str]:
    """A line on the run, and one for each thing that bench warned of when it began."""
    measured, run = report.measured, report.measured.run
    begun = datetime.fromtimestamp(run.start, timezone.utc)
    yield (
        f"{which}: run {run.name} of {begun:%Y-%m-%d %H:%M} UTC on {measured.target_title} (target "
        f"{run.target}), {run.profile} profile, {report.verdict}; from {report.source}"
    )
    for warning in report.warnings:
        yield f"{which}, warning. {warning}"


def _changes(facts: Sequence[Fact]) -> str:
    changed = [fact for fact in facts if fact.changed]
    unknown = [fact for fact in facts if fact.is_unknown]
    same = [fact for fact in facts if not fact.changed and not fact.is_unknown]
    notes = [f"The same in both: {_grouped(same)}."] if same else []
    notes += [f"On record in neither: {_grouped(unknown)}."] if unknown else []
    if not changed:
        said = ["## What changed", "Nothing that is on record differs.", _bullets(notes)]
        return "\n\n".join(filter(None, said))
    body = tuple(
        (
            f"{fact.group}: {fact.name}",
            ", ".join(fact.cells) or "all",
            _short(fact.a),
            _short(fact.b),
        )
        for fact in changed
    )
    shown = Layout(("what", "of", "A", "B"), body)
    caption = "What is on record and differs."
    return markdown_table(
        Table("changed", "What changed", caption, (), (), tuple(notes), layout=shown)
    )


def _grouped(facts: Sequence[Fact]) -> str:
    """Such as `load (profile, seed), driver (version)`."""
    groups: dict[str, list[str]] = {}
    for fact in facts:
        names = groups.setdefault(fact.group, [])
        names += [fact.name] if fact.name not in names else []
    return ", ".join(f"{group} ({', '.join(names)})" for group, names in groups.items())


def _short(text: str) -> str:
    """The first digits of each hash."""
    words = text.split(", then ")
    is_hash = all(len(word) == 64 and word.isalnum() for word in words)
    return ", then ".join(f"{word[:_HASH_DIGITS]}..." for word in words) if is_hash else text


def _figures(comparison: Comparison) -> Table:
    headings = ("task and variant", "figure", "A", "B", "B/A (95 %)", "what it shows", "verdict")
    why = comparison.why_two_sensors
    counts = f"The sensor's own error counts in both runs, because {why}." if why else _ONE_SENSOR
    return Table(
        name="compared",
        title="Energy, latency and quality",
        caption=f"{_energy(comparison)} The verdict is the worse of the two cells'.",
        columns=(),
        rows=(),
        notes=(_DECIDES, counts, _WITHIN_A_RUN),
        layout=Layout(headings, tuple(row for cell in comparison.cells for row in _rows(cell))),
    )


def _energy(comparison: Comparison) -> str:
    """Where energy comes from, in each run."""
    told = [measured_by(each.device.table) for each in (comparison.a, comparison.b)]
    return told[0] if told[0] == told[1] else f"A: {told[0]} B: {told[1]}"


def _rows(cell: CellPair) -> Iterator[tuple[str, ...]]:
    grade = cell.verdict or "none"
    if cell.why_not:
        what = "energy, latency" if cell.verdict else "all"
        yield cell.title, what, "", "", "", f"not compared: {cell.why_not}", grade
    for pair in cell.pairs:
        name = f"{pair.name} [{pair.unit}]" if pair.unit else pair.name
        yield (
            *(cell.title, name, *pair.texts),
            *(_ratio_text(pair.ratio), pair.judgement.sentence, grade),
        )


def _ratio_text(ratio: Ratio | None) -> str:
    if ratio is None:
        return "none"
    if ratio.low is None or ratio.high is None:
        return f"{number(ratio.value)} (no interval)"
    return f"{number(ratio.value)} ({number(ratio.low)} to {number(ratio.high)})"
