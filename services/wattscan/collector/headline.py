"""What a run says, in one or two plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wattscan.collector.cells import Cell, TaskRatio, gross_figure
from wattscan.collector.measured import Measured
from wattscan.collector.names import listed, title_of
from wattscan.collector.reasons import Verdict, worst
from wattscan.collector.tables import number
from wattscan.profiles import DEFAULT_REFERENCE

Tone = Literal["good", "bad", "neutral"]
_FIRST_LOOK = "The figures are indicative: good for a first look, not for publication."
_MEANING: dict[Verdict, str] = {
    "valid": "The figures are valid: fit for publication.",
    "indicative": "The figures are indicative: fit to compare variants on one machine, not for "
    "publication.",
    "invalid": "Some figures are invalid: they are shown, marked, with the reasons.",
}
# Two repeats that lie further apart than this part of their mean are told.
_MOST_DIFFERENCE = 0.1


def headline(measured: Measured, warnings: Sequence[str] = ()) -> str:
    """What one scan costs, what the variants save, and what the figures are worth.

    `warnings` is what `bench` warned of when the run began.
    """
    return f"{costs(measured)} {summary(measured, warnings)}"


def summary(measured: Measured, warnings: Sequence[str] = ()) -> str:
    """The headline after its first sentence."""
    said = [savings(measured), _meaning(measured, warnings), _difference_of_repeats(measured)]
    return " ".join(filter(None, said))


def _meaning(measured: Measured, warnings: Sequence[str]) -> str:
    grade = verdict(measured)
    ratios = (ratio.gross for ratio in measured.ratios)
    # Without an interval, or on a machine that was not quiet, not even a comparison is sound.
    compared = all(ratio is not None and ratio.low is not None for ratio in ratios)
    if grade == "indicative" and (warnings or not compared):
        return _FIRST_LOOK
    return _MEANING[grade]


def _difference_of_repeats(measured: Measured) -> str:
    """Which variants of two repeats have repeats that lie far apart: they have no interval."""
    told: list[tuple[float, str]] = []
    for cell in measured.cells:
        joules = cell.values(gross_figure)
        if len(joules) == 2 and sum(joules) > 0:
            part = abs(joules[0] - joules[1]) / (sum(joules) / 2)
            if part > _MOST_DIFFERENCE:
                told.append((100 * part, f"{title_of(cell.task)} in {title_of(cell.precision)}"))
    if not told:
        return ""
    most, who = max(told, key=lambda each: round(each[0]))
    if len(told) > 2:
        return (
            f"The two repeats of {len(told)} variants differ by more than "
            f"{100 * _MOST_DIFFERENCE:.0f} %, those of {who} by {most:.0f} %."
        )
    return f"The two repeats differ by {listed([f'{p:.0f} % on {who}' for p, who in told])}."


def is_incomplete(measured: Measured) -> bool:
    """Whether the run was cut short, or a variant lacks repeats."""
    every = (reason.code for cell in measured.cells for reason in cell.reasons)
    return measured.run.cut_short or "incomplete_run" in every


def verdict(measured: Measured) -> Verdict:
    """The worst verdict of the run's cells."""
    return worst([cell.verdict for cell in measured.cells])


def ratio_saving(measured: Measured, ratio: TaskRatio) -> str:
    """What a variant saves on a task, in words."""
    saving = ratio.saving()
    if ratio.gross is None or saving is None:
        return _no_ratio(measured, ratio)
    name, reference = title_of(ratio.precision), title_of(measured.reference)
    of_which = f" of {name}" if len(measured.compared) > 1 else ""
    if measured.verdict_of_ratio(ratio) == "invalid":
        return f"no saving{of_which} is claimed"
    if ratio.gross.shows_a_difference is False:
        return f"no difference{of_which} shown"
    about = "about " if ratio.gross.shows_a_difference is None else ""
    if f"{abs(saving):.0%}" == "0%":
        return f"{name} costs {about}the same as {reference}"
    if saving < 0:
        return f"{name} costs {about}{-saving:.0%} more than {reference}"
    return f"{name} saves {about}{saving:.0%}"


def _no_ratio(measured: Measured, ratio: TaskRatio) -> str:
    """Why a variant of a task is not compared with the reference."""
    if len(measured.compared) > 1 and ratio.note and not is_incomplete(measured):
        return ratio.note
    # Of a task that was cut short after its reference, INT8 is what is missing as a rule.
    other = ratio.precision or next(iter(measured.compared), "int8")
    pair = (measured.reference, other)
    known = [p for p in pair if scan_joules(measured.cell(ratio.task, p)) is not None]
    if len(known) == 1:
        (missing,) = set(pair) - set(known)
        if is_incomplete(measured):
            return f"the run was cut short, and {title_of(missing)} is missing"
        return f"only {title_of(known[0])} was measured"
    return ratio.note or "energy was not measured"


def tone(measured: Measured, ratio: TaskRatio) -> Tone:
    """Whether what a variant saves is good news; neutral where nothing is claimed."""
    said = ratio_saving(measured, ratio)
    if said.startswith(f"{title_of(ratio.precision)} saves"):
        return "good"
    return "bad" if said.endswith(f"more than {title_of(measured.reference)}") else "neutral"


def cheapest(measured: Measured, task: str) -> Cell | None:
    """The cell that a task's cost is told of; None where none has its energy.

    It is the variant that takes least, an invalid one only where there is no other. Of FP32 and one
    variant it is the variant: what it costs is what is asked for.
    """
    one_variant = len(measured.compared) == 1 and measured.reference == DEFAULT_REFERENCE
    names = measured.compared if one_variant else measured.run.variants
    cells = [measured.cell(task, name) for name in names]
    known = [
        (cell.verdict == "invalid", j, cell) for cell in cells if cell and (j := scan_joules(cell))
    ]
    if known:
        return min(known, key=lambda each: each[:2])[2]
    reference = measured.cell(task, measured.reference)
    return None if scan_joules(reference) is None else reference


def scan_joules(cell: Cell | None) -> float | None:
    """Gross energy of one image of a cell, J."""
    return cell.mean(gross_figure) if cell else None


def costs(measured: Measured) -> str:
    """What one scan of each task costs, in the variant that takes least."""
    found: dict[str, list[str]] = {name: [] for name in (*measured.compared, measured.reference)}
    for task in measured.tasks:
        cell = cheapest(measured, task)
        joules = scan_joules(cell)
        if cell is not None and joules is not None:
            invalid = ", invalid" if cell.verdict == "invalid" else ""
            found[cell.precision].append(f"{number(joules, 3)} J ({title_of(task)}{invalid})")
    said = [f"{listed(c)} in {title_of(name)}" for name, c in found.items() if c]
    if not said:
        return f"What a scan costs on {measured.target_title} was not measured."
    table = measured.device.table
    modelled = " (modelled, not measured)" if table and table.method == "modelled" else ""
    return f"On {measured.target_title}, one scan costs {'; '.join(said)}{modelled}."


def savings(measured: Measured) -> str:
    """What the variants save on each task, and why nothing is said of others."""
    compared: dict[str, list[str]] = {}
    silent: dict[str, list[str]] = {}
    for ratio in measured.ratios:
        group = compared if ratio.gross else silent
        group.setdefault(ratio_saving(measured, ratio), []).append(title_of(ratio.task))
    said = [f"{saving} on {listed(tasks)}" for saving, tasks in compared.items()]
    sentences = (
        [f"Compared with {title_of(measured.reference)}: {'; '.join(said)}."] if said else []
    )
    sentences += [
        f"Nothing to compare on {listed(list(dict.fromkeys(t)))}: {why}."
        for why, t in silent.items()
    ]
    return " ".join(sentences)
