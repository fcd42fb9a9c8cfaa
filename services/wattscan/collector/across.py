"""Several targets side by side: each was measured in a run of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wattscan.collector.compare_facts import load_facts
from wattscan.collector.facts import NOT_ON_RECORD
from wattscan.collector.measured import Measured
from wattscan.collector.reasons import Verdict, worst
from wattscan.collector.report import Report
from wattscan.contracts import WattscanError

Kind = tuple[str, str]
"""Scope and method of an energy, such as chip and counter."""


@dataclass(frozen=True, eq=False)
class MeasuredTarget:
    """One target's run. No other target of the same report has its name."""

    name: str
    report: Report

    @property
    def measured(self) -> Measured:
        """The run's figures."""
        return self.report.measured

    @property
    def kind(self) -> Kind | None:
        """Scope and method of its energy; None where no energy was measured."""
        table = self.measured.device.table
        return (table.scope, table.method) if table else None


@dataclass(frozen=True)
class Failure:
    """A service that was not measured, and why."""

    endpoint: str
    why: str


@dataclass(frozen=True)
class LoadDifference:
    """Something that shapes the load and differs: its value in each target's run, by name."""

    name: str
    values: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Across:
    """The targets, in the order in which they were given, and the services that failed."""

    targets: tuple[MeasuredTarget, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all runs."""
        return worst([target.report.verdict for target in self.targets])

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Task and variant of every cell that any target has, grouped by task."""
        found = [(c.task, c.precision) for t in self.targets for c in t.measured.cells]
        tasks = list(dict.fromkeys(task for task, _ in found))
        return sorted(dict.fromkeys(found), key=lambda cell: tasks.index(cell[0]))

    @property
    def kinds(self) -> dict[Kind | None, list[str]]:
        """The names of the targets that have each kind of energy."""
        found: dict[Kind | None, list[str]] = {}
        for target in self.targets:
            found.setdefault(target.kind, []).append(target.name)
        return found

    @property
    def load_differences(self) -> list[LoadDifference]:
        """What shapes the load and is not the same in all runs."""
        return _differences(self.targets)


def across(reports: Sequence[Report], failures: Sequence[Failure] = ()) -> Across:
    """Several runs side by side.

    Raises:
        WattscanError: there is no run, or one is there twice.
    """
    if not reports:
        raise WattscanError("no target was measured: there is no run to show")
    targets = map(MeasuredTarget, _names(reports), reports)
    return Across(tuple(targets), tuple(failures))


def load_differs(one: MeasuredTarget, other: MeasuredTarget) -> list[str]:
    """The names of what shapes the load and differs between two targets' runs."""
    return [difference.name for difference in _differences((one, other))]


def _differences(targets: Sequence[MeasuredTarget]) -> list[LoadDifference]:
    facts = {target.name: dict(load_facts(target.measured.run)) for target in targets}
    names = dict.fromkeys(name for told in facts.values() for name in told)
    found = []
    for name in names:
        values = {target: told.get(name) or NOT_ON_RECORD for target, told in facts.items()}
        if len(set(values.values())) > 1:
            found.append(LoadDifference(name, values))
    return found


def _names(reports: Sequence[Report]) -> list[str]:
    """The target's name; with its address, then its run, where another has the same.

    Raises: WattscanError: a run is there twice.
    """
    runs = [report.measured.run for report in reports]
    forms = [
        [run.target for run in runs],
        [f"{run.target} ({run.target_instance})" for run in runs],
        [f"{run.target} ({run.target_instance}, run {run.name})" for run in runs],
    ]
    counts = [Counter(names) for names in forms]
    found = []
    for index, run in enumerate(runs):
        levels = zip(forms, counts, strict=True)
        name = next((names[index] for names, n in levels if n[names[index]] == 1), None)
        if name is None:
            raise WattscanError(
                f"the run {run.name} of target {run.target} is there twice: give each run once"
            )
        found.append(name)
    return found
