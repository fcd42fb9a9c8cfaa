"""Two runs side by side: what changed between them, and what that shows of each figure."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.collector.cells import Cell
from wattscan.collector.compare_energy import why_not_one_machine
from wattscan.collector.compare_facts import Fact, facts_of_both
from wattscan.collector.compare_judgement import Thresholds
from wattscan.collector.compare_pairs import Pair, Terms, energy_pairs, latency_pairs, quality_pairs
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.reasons import Verdict, worst
from wattscan.contracts import WattscanError


@dataclass(frozen=True)
class CellPair:
    """One task in one variant, in both runs. `verdict` is the worse of the two, None where one has
    not measured it; `why_not` says why energy and latency are not compared, "" where they are."""

    task: str
    precision: str
    verdict: Verdict | None
    why_not: str
    pairs: tuple[Pair, ...]

    @property
    def title(self) -> str:
        """Such as `brain MRI INT8`."""
        return f"{title_of(self.task)} {title_of(self.precision)}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Run A, the base, and run B, the new one. `why_two_sensors` is why a sensor's error does not
    cancel, "" where it does."""

    a: Measured
    b: Measured
    thresholds: Thresholds
    facts: tuple[Fact, ...]
    why_two_sensors: str
    cells: tuple[CellPair, ...]

    @property
    def decisive(self) -> list[tuple[CellPair, Pair]]:
        """The figures that count for the exit code, each with its cell."""
        return [(cell, pair) for cell in self.cells for pair in cell.pairs if pair.decides]

    @property
    def worse(self) -> list[tuple[CellPair, Pair]]:
        """What is shown to be worse beyond its threshold."""
        return [e for e in self.decisive if e[1].judgement.outcome == "worse_beyond_threshold"]

    @property
    def unproven(self) -> list[tuple[CellPair, Pair]]:
        """What lies beyond its threshold without that being shown."""
        return [each for each in self.decisive if each[1].judgement.unproven]

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """What is not compared, and why: whole cells, and figures that one run at least has."""
        found = [(cell.title, cell.why_not) for cell in self.cells if cell.why_not]
        found += [
            (f"{cell.title}, {pair.name}", pair.judgement.sentence.partition(": ")[2])
            for cell, pair in self.decisive
            if pair.judgement.outcome == "not_compared" and (pair.a, pair.b) != (None, None)
        ]
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nothing that the runs measured could be compared."""
        return all(pair.ratio is None for _, pair in self.decisive if pair.kind != "quality")

    @property
    def is_one_run(self) -> bool:
        """Whether both are the same run."""
        one, other = self.a.run, self.b.run
        return (one.name, one.target, one.start) == (other.name, other.target, other.start)


def compare(
    a: Measured, b: Measured, thresholds: Thresholds, two_machines: bool = False
) -> Comparison:
    """B against A. `two_machines`: the runs are of two machines, whatever their facts say.

    Raises:
        WattscanError: the two have no task in one variant in common.
    """
    names = tuple(dict.fromkeys((c.task, c.precision) for run in (a, b) for c in run.cells))
    if not any(a.cell(*name) and b.cell(*name) for name in names):
        raise WattscanError(
            f"the runs {a.run.name} and {b.run.name} cannot be compared: A has {_measured(a)}, "
            f"and B has {_measured(b)}; give two runs with a task in the same variant"
        )
    why = "--two-machines was given" if two_machines else why_not_one_machine(a, b)
    terms = Terms(thresholds, cancels=not why)
    cells = tuple(_cell(a, b, name, terms) for name in names)
    return Comparison(a, b, thresholds, facts_of_both(a, b), why, cells)


def _cell(a: Measured, b: Measured, names: tuple[str, str], terms: Terms) -> CellPair:
    one, other = a.cell(*names), b.cell(*names)
    if one is None or other is None:
        return CellPair(*names, None, f"{'A' if one is None else 'B'} did not measure it", ())
    why = "; ".join(filter(None, (_invalid("A", one), _invalid("B", other))))
    pairs: list[Pair] = []
    if not why:
        pairs += energy_pairs(a, b, (one, other), terms)
        pairs += latency_pairs((one, other), terms)
    pairs += quality_pairs(a, b, names, terms)
    return CellPair(*names, worst((one.verdict, other.verdict)), why, tuple(pairs))


def _measured(run: Measured) -> str:
    return ", ".join(f"{title_of(c.task)} {title_of(c.precision)}" for c in run.cells)


def _invalid(name: str, cell: Cell) -> str:
    reasons = [reason.code for reason in cell.reasons if reason.verdict == "invalid"]
    return f"{name} is invalid ({', '.join(reasons)})" if reasons else ""
