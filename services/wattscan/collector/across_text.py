"""What is to be known of several targets side by side, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wattscan.collector.across import Across, Kind, LoadDifference
from wattscan.collector.energy_table import NOTES
from wattscan.collector.figure_text import intervals_together
from wattscan.collector.names import listed, title_of


def headline(across: Across) -> str:
    """What was measured, and what the figures are worth."""
    names, kinds = [target.name for target in across.targets], list(across.kinds)
    count = f"{len(names)} targets, measured one after the other" if names[1:] else "1 target"
    alike = f" All have {kind_text(kinds[0])}." if names[1:] and len(kinds) == 1 else ""
    return f"{count}: {listed(names)}.{alike} The worst verdict is {across.verdict}."


def cautions(across: Across) -> tuple[str, ...]:
    """What a reader who compares targets must know first."""
    return (
        *_kinds(across),
        *load_sentence(across.load_differences),
        *_references(across),
        *_failed(across),
    )


def notes(across: Across) -> tuple[str, ...]:
    """The notes of the table across targets."""
    together = (s for t in across.targets for s in intervals_together(t.measured))
    return (*NOTES, *dict.fromkeys(together))


def load_sentence(differences: Sequence[LoadDifference]) -> Iterator[str]:
    """What differs in the load, and in which runs; nothing where it is the same."""
    if differences:
        told = "; ".join(f"{each.name} is {_values(each.values)}" for each in differences)
        yield f"The load differs: {told}. Runs with another load cannot be compared."


def _values(of_targets: Mapping[str, str]) -> str:
    by_value: dict[str, list[str]] = {}
    for target, value in of_targets.items():
        by_value.setdefault(value, []).append(target)
    return listed([f"{value} on {listed(names)}" for value, names in by_value.items()])


def _failed(across: Across) -> Iterator[str]:
    """The services that are missing."""
    for failure in across.failures:
        yield f"Not measured: {failure.endpoint}: {failure.why.rstrip('.')}."


def kind_text(kind: Kind | None) -> str:
    """Such as `scope chip, method counter`."""
    return "no energy" if kind is None else f"scope {kind[0]}, method {kind[1]}"


def _kinds(across: Across) -> Iterator[str]:
    """Whose energies are of different scope or method."""
    kinds = across.kinds
    if len(kinds) > 1:
        told = "; ".join(f"{kind_text(kind)} on {listed(names)}" for kind, names in kinds.items())
        yield (
            f"Scope or method differs: {told}. Energies of different scope or method cannot be "
            "compared or ranked."
        )


def _references(across: Across) -> Iterator[str]:
    """Whose ratios have another reference."""
    names = {target.name: title_of(target.measured.reference) for target in across.targets}
    if len(set(names.values())) > 1:
        yield f"The reference differs: it is {_values(names)}. Ratios to it cannot be compared."
