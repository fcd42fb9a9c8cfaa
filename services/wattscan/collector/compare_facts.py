"""What differs between two runs besides their figures: models, engines, machine, software, load.

Facts are taken as they are recorded: one that this version does not know is compared like any
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from wattscan.collector.facts import MACHINE_TITLES, NOT_ON_RECORD
from wattscan.collector.measured import Measured
from wattscan.collector.model_facts import ModelFacts
from wattscan.collector.names import title_of
from wattscan.collector.run_workload import RunWorkload

LOAD = "load"
# What of a run does not shape its load: who it was, when, and what became of it.
_NOT_LOAD = frozenset(
    ("name", "target", "target_instance", "version", "generator_instance", "generator_job",
     "cut_short", "windows", "generators", "parts", "reference", "repeated")
)  # fmt: skip
_GROUPS = {
    "driver": "driver", "python": "software", "wattscan": "software",
    "sha256": "model", "format": "model", "datatype": "model", "computed_in": "model",
}  # fmt: skip
_TITLES = {
    "sha256": "SHA-256", "engine_version": "engine's version", "max_batch_size": "largest batch",
    "computed_in": "computed in", "datatype": "data type",
}  # fmt: skip

_Fact = tuple[str, str, str]
"""Group, what it is of, and the cell that it is of ("" for the whole run)."""


@dataclass(frozen=True)
class Fact:
    """One fact in both runs, as it is told; `cells` are those that it holds for, none for all."""

    group: str
    name: str
    a: str
    b: str
    cells: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the two differ; what is on record in one alone does."""
        return self.a != self.b

    @property
    def is_unknown(self) -> bool:
        """Whether neither run tells."""
        return self.a == self.b == NOT_ON_RECORD


def facts_of_both(a: Measured, b: Measured) -> tuple[Fact, ...]:
    """Every fact of either run, those of several cells that say the same in one."""
    one, other = dict(_facts(a)), dict(_facts(b))
    shared = {c for _, _, c in one} & {c for _, _, c in other}
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for group, name, cell in dict.fromkeys([*one, *other]):
        if cell in shared:
            a_told, b_told = (e.get((group, name, cell)) or NOT_ON_RECORD for e in (one, other))
            found.setdefault((group, name, a_told, b_told), []).append(cell)
    every = len(shared - {""})
    return tuple(
        Fact(*key, cells=() if cells == [""] or len(cells) == every else tuple(cells))
        for key, cells in found.items()
    )


def load_differences(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """What shapes the load, and differs."""
    return tuple(fact for fact in facts if fact.group == LOAD and fact.changed)


def _facts(measured: Measured) -> Iterator[tuple[_Fact, str]]:
    run = measured.run
    for name, text in load_facts(run):
        yield (LOAD, name, ""), text
    yield ("run", "tasks", ""), ", ".join(map(title_of, measured.tasks))
    yield ("run", "variants", ""), ", ".join(map(title_of, run.variants))
    yield ("run", "reference", ""), title_of(run.reference)
    for cell in measured.cells:
        where = f"{title_of(cell.task)} {title_of(cell.precision)}"
        for name in (field.name for field in fields(ModelFacts)):
            told = dict.fromkeys(str(getattr(model, name)) for model in cell.models)
            fact = (_GROUPS.get(name, "engine"), _TITLES.get(name, name), where)
            yield fact, ", then ".join(filter(None, told))
    yield ("target", "name", ""), run.target
    yield ("target", "hardware", ""), measured.target_title
    yield from _machine(measured)
    yield ("software", "Wattscan of the load generator", ""), run.version
    yield from _sensor(measured)


def load_facts(run: Any) -> Iterator[tuple[str, str]]:
    """Every field of a run that is not known to leave the load as it is, and what is in it."""
    for field in fields(run):
        if field.name not in _NOT_LOAD:
            yield from _flat(field.name, getattr(run, field.name))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, RunWorkload):
        value = value.facts
    if isinstance(value, Mapping):
        for inner, each in sorted(value.items()):
            yield from _flat(f"{name}: {inner}", each)
    elif isinstance(value, (list, tuple)):
        yield name, ", ".join(map(str, value))
    else:
        yield name, "" if value is None else str(value)


def _machine(measured: Measured) -> Iterator[tuple[_Fact, str]]:
    machines = measured.device.machines
    for name in dict.fromkeys([*MACHINE_TITLES, *(n for each in machines for n in each)]):
        told = dict.fromkeys(each.get(name, "") for each in machines)
        fact = (_GROUPS.get(name, "machine"), MACHINE_TITLES.get(name, name), "")
        yield fact, ", then ".join(filter(None, told))


def _sensor(measured: Measured) -> Iterator[tuple[_Fact, str]]:
    table, zone = measured.device.table, measured.device.zone
    for name in ("sensor", "domain", "scope", "method"):
        yield ("sensor", name, ""), getattr(table, name) if table else ""
    unsure = table.uncertainty_ratio if table else None
    yield ("sensor", "uncertainty", ""), "" if unsure is None else f"{unsure:g} of the reading"
    yield ("sensor", "temperature zone", ""), f"{zone.sensor} {zone.zone}" if zone else ""
