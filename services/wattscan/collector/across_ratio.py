"""A target over another one whose energy has the same scope and method.

There is no ratio between other targets: their energies are of different things.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wattscan.collector.across import Across, Kind, MeasuredTarget, load_differs
from wattscan.collector.cells import KINDS, Cell
from wattscan.collector.cells import Kind as EnergyKind
from wattscan.collector.compare_energy import energy_estimate, why_energy_differs_in_kind
from wattscan.collector.compare_ratio import RunRatio, run_ratio
from wattscan.collector.figure_text import ratio_text
from wattscan.collector.names import title_of
from wattscan.collector.ratio import Ratio
from wattscan.collector.reasons import Verdict, worst
from wattscan.collector.tables import Column, Row, Table, Value

_COLUMNS = (
    Column("task", "task", shown=False),
    Column("precision", "precision", shown=False),
    Column("cell", "task and variant"),
    Column("targets", "targets"),
    Column("target", "target", shown=False),
    Column("base", "over target", shown=False),
    Column("gross", "gross J/image (95 %)"),
    Column("gross_ratio", "gross", shown=False),
    Column("gross_low", "gross, 95 % from", shown=False),
    Column("gross_high", "gross, 95 % to", shown=False),
    Column("net", "net J/image (95 %)"),
    Column("net_ratio", "net", shown=False),
    Column("net_low", "net, 95 % from", shown=False),
    Column("net_high", "net, 95 % to", shown=False),
    Column("scope", "scope"),
    Column("method", "method"),
    Column("note", "note"),
    Column("verdict", "verdict"),
    Column("net_verdict", "verdict on net", shown=False),
)
_NOTES = (
    "A target is divided by the first one before it that it can be compared with. Each 95 % "
    "interval holds by itself.",
    "The error of each target's sensor counts: two sensors do not err alike. What varies from one "
    "run to the next is in no interval.",
)


@dataclass(frozen=True)
class TargetRatio:
    """One task in one variant on two targets: joules per image of `target` over `base`. `why_not`
    says why there is no ratio, "" where there is one; `note` what is to be known of it."""

    task: str
    precision: str
    target: str
    base: str
    kind: Kind
    gross: Ratio | None
    net: Ratio | None
    verdict: Verdict
    net_verdict: Verdict
    why_not: str = ""
    note: str = ""


def target_ratios(across: Across) -> list[TargetRatio]:
    """Those of every cell, as the rows of the table across targets are ordered."""
    found = []
    for task, precision in across.cells:
        having = [(t, c) for t in across.targets if (c := t.measured.cell(task, precision))]
        for index, (target, cell) in enumerate(having):
            if target.kind is not None:
                bases = [each for each in having[:index] if each[0].kind == target.kind]
                found += [_against(bases, target, cell, target.kind)] if bases else []
    return found


def ratios_table(across: Across) -> Table:
    """A row for each of `target_ratios`; none where no two targets have one scope and method."""
    return Table(
        name="target_ratios",
        title="Between targets",
        caption="Joules per image of one target over another one whose energy has the same scope "
        "and method.",
        columns=_COLUMNS,
        rows=tuple(map(_row, target_ratios(across))),
        notes=_NOTES,
    )


def _against(
    bases: list[tuple[MeasuredTarget, Cell]], target: MeasuredTarget, cell: Cell, kind: Kind
) -> TargetRatio:
    """Against the first that it can be compared with; where there is none, why not the first."""
    reasons = [_why_not(base, of_base, target, cell) for base, of_base in bases]
    index = next((i for i, why in enumerate(reasons) if not why), 0)
    (base, of_base), why = bases[index], reasons[index]
    both = (of_base, cell)
    fitted = {} if why else {name: _ratio(both, name) for name in KINDS}
    gross, net = fitted.get("gross"), fitted.get("net")
    if not why and gross is None:
        why = "the energy is not above zero on both, or was not measured"
    return TargetRatio(
        task=cell.task,
        precision=cell.precision,
        target=target.name,
        base=base.name,
        kind=kind,
        gross=gross.ratio if gross else None,
        net=net.ratio if net else None,
        verdict=worst([each.verdict for each in both]),
        net_verdict=worst([each.net_verdict for each in both]),
        why_not=why,
        note="; ".join(_notes(both, gross)),
    )


def _why_not(base: MeasuredTarget, of_base: Cell, target: MeasuredTarget, cell: Cell) -> str:
    """Why a cell's energies are not compared, "" where they are."""
    differs = load_differs(base, target)
    if differs:
        return f"the load differs ({', '.join(differs)})"
    for name, each in ((base.name, of_base), (target.name, cell)):
        if each.verdict == "invalid":
            return f"it is invalid on {name}"
    names = (base.name, target.name)
    return why_energy_differs_in_kind(base.measured, target.measured, of_base, cell, names)


def _ratio(cells: tuple[Cell, Cell], kind: EnergyKind) -> RunRatio | None:
    # Two targets have two sensors, also where one machine stands for both.
    estimates = [energy_estimate(cell, kind, cancels=False) for cell in cells]
    base, target = estimates
    return run_ratio(base, target) if base and target else None


def _notes(cells: tuple[Cell, Cell], gross: RunRatio | None) -> Iterator[str]:
    if gross and gross.why:
        yield gross.why
    files = [{model.sha256 for model in cell.models} for cell in cells]
    if files[0] != files[1]:
        yield "the model files differ"


def _row(found: TargetRatio) -> Row:
    values: dict[str, Value] = {
        "task": found.task,
        "precision": found.precision,
        "cell": f"{title_of(found.task)} {title_of(found.precision)}".rstrip(),
        "targets": f"{found.target} / {found.base}",
        "target": found.target,
        "base": found.base,
        "gross": ratio_text(found.gross) or "none",
        "net": ratio_text(found.net) or "none",
        "scope": found.kind[0],
        "method": found.kind[1],
        "note": f"not compared: {found.why_not}" if found.why_not else found.note,
        "verdict": found.verdict,
        "net_verdict": found.net_verdict,
    }
    if found.net and found.net_verdict != found.verdict:
        values["net"] = f"{values['net']}, {found.net_verdict}"
    for kind, ratio in (("gross", found.gross), ("net", found.net)):
        values[f"{kind}_ratio"] = ratio.value if ratio else None
        values[f"{kind}_low"] = ratio.low if ratio else None
        values[f"{kind}_high"] = ratio.high if ratio else None
    return Row(values)
