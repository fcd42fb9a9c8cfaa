"""What a run says, in one or two plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wattscan.collector.cells import Cell, Verdict, gross_figure, worst
from wattscan.collector.measure import Measured
from wattscan.collector.tables import number, title_of
from wattscan.contracts import PRECISIONS

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
    """What one scan costs, what INT8 saves, and what the figures are worth.

    `warnings` is what `bench` warned of when the run began.
    """
    return f"{costs(measured)} {summary(measured, warnings)}"


def summary(measured: Measured, warnings: Sequence[str] = ()) -> str:
    """The headline after its first sentence."""
    said = [savings(measured), _meaning(measured, warnings), _difference_of_repeats(measured)]
    return " ".join(filter(None, said))


def _meaning(measured: Measured, warnings: Sequence[str]) -> str:
    grade = verdict(measured)
    ratios = (measured.ratios[task].gross for task in measured.tasks)
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
    return f"The two repeats differ by {_listed([f'{p:.0f} % on {who}' for p, who in told])}."


def is_incomplete(measured: Measured) -> bool:
    """Whether the run was cut short, or a variant lacks repeats."""
    every = (reason.code for cell in measured.cells for reason in cell.reasons)
    return measured.run.cut_short or "incomplete_run" in every


def verdict(measured: Measured) -> Verdict:
    """The worst verdict of the run's cells."""
    return worst([cell.verdict for cell in measured.cells])


def task_saving(measured: Measured, task: str) -> str:
    """What INT8 saves on a task, in words."""
    ratio = measured.ratios[task]
    saving = ratio.saving()
    if ratio.gross is None or saving is None:
        return _no_ratio(measured, task)
    if measured.verdict_of(task) == "invalid":
        return "no saving is claimed"
    if ratio.gross.shows_a_difference is False:
        return "no difference shown"
    about = "about " if ratio.gross.shows_a_difference is None else ""
    if f"{abs(saving):.0%}" == "0%":
        return f"INT8 costs {about}the same as FP32"
    if saving < 0:
        return f"INT8 costs {about}{-saving:.0%} more than FP32"
    return f"INT8 saves {about}{saving:.0%}"


def _no_ratio(measured: Measured, task: str) -> str:
    """Why the two variants of a task are not compared."""
    cells = {p: measured.cell(task, p) for p in PRECISIONS}
    known = [p for p, cell in cells.items() if scan_joules(cell) is not None]
    if len(known) == 1:
        (other,) = set(PRECISIONS) - set(known)
        if is_incomplete(measured):
            return f"the run was cut short, and {title_of(other)} is missing"
        return f"only {title_of(known[0])} was measured"
    return measured.ratios[task].note or "energy was not measured"


def tone(measured: Measured, task: str) -> Tone:
    """Whether what INT8 saves on a task is good news; neutral where nothing is claimed."""
    said = task_saving(measured, task)
    if said.startswith("INT8 saves"):
        return "good"
    return "bad" if said.endswith("more than FP32") else "neutral"


def scan_joules(cell: Cell | None) -> float | None:
    """Gross energy of one image of a cell, J."""
    return cell.mean(gross_figure) if cell else None


def costs(measured: Measured) -> str:
    """What one scan of each task costs, INT8 where it was measured."""
    found: dict[str, list[str]] = {"int8": [], "fp32": []}
    for task in measured.tasks:
        precision = "int8" if scan_joules(measured.cell(task, "int8")) is not None else "fp32"
        cell = measured.cell(task, precision)
        joules = scan_joules(cell)
        if cell is not None and joules is not None:
            invalid = ", invalid" if cell.verdict == "invalid" else ""
            found[precision].append(f"{number(joules, 3)} J ({title_of(task)}{invalid})")
    said = [f"{_listed(c)} in {title_of(name)}" for name, c in found.items() if c]
    if not said:
        return f"What a scan costs on {measured.target_title} was not measured."
    table = measured.device.table
    modelled = " (modelled, not measured)" if table and table.method == "modelled" else ""
    return f"On {measured.target_title}, one scan costs {'; '.join(said)}{modelled}."


def savings(measured: Measured) -> str:
    """What INT8 saves on each task, and why nothing is said of others."""
    compared: dict[str, list[str]] = {}
    silent: dict[str, list[str]] = {}
    for task in measured.tasks:
        group = compared if measured.ratios[task].gross else silent
        group.setdefault(task_saving(measured, task), []).append(title_of(task))
    said = [f"{saving} on {_listed(tasks)}" for saving, tasks in compared.items()]
    sentences = [f"Compared with FP32: {'; '.join(said)}."] if said else []
    sentences += [f"Nothing to compare on {_listed(t)}: {why}." for why, t in silent.items()]
    return " ".join(sentences)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
