"""The models of a run that goes on: the same files, on the same engines, as in its first part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TypeAlias

from wattscan.contracts import AUTO, WattscanError

Model: TypeAlias = tuple[str, ...]
"""A model's file and what runs it: a text for each of `_FACTS`, empty where it is not told."""
Models: TypeAlias = Mapping[tuple[str, str], Set[Model]]
"""By task and precision; several where several versions are served."""

# What a changed one of makes a figure invalid; the file first.
_FACTS = {
    "sha256": "SHA-256",
    "backend": "engine",
    "engine_version": "version of the engine",
    "provider": "provider",
    "format": "format",
    "threads": "number of threads",
    "max_batch_size": "largest batch",
}
_ENGINE = list(_FACTS).index("backend")
_DIGITS = 12
_UNKNOWN = "not told"


def models_of(infos: Iterable[Mapping[str, str]]) -> Models:
    """The models that the labels of `wattscan_model_info` tell of."""
    found: dict[tuple[str, str], set[Model]] = {}
    for labels in infos:
        variant = labels.get("task", ""), labels.get("precision", "")
        found.setdefault(variant, set()).add(tuple(labels.get(name, "") for name in _FACTS))
    return found


Measured: TypeAlias = Mapping[str, Iterable[str]]
"""The variants of each task that a run measures."""


def check_engine(served: Models, backend: str, measured: Measured) -> None:
    """Refuse to measure what is not in the engine that was asked for; an empty one or `auto` is
    none.

    Raises:
        WattscanError: a variant runs in another one.
    """
    if backend in ("", AUTO):
        return
    for (task, precision), models in served.items():
        others = sorted({model[_ENGINE] for model in models} - {backend, ""})
        if precision in measured.get(task, ()) and others:
            raise WattscanError(
                f"the model of {task}, {precision.upper()}, runs in {' and '.join(others)} and not "
                f"in {backend}: its model.toml or its file has it so (the service's log says why)"
            )


def check_same(before: Models, now: Models, measured: Measured, run: str) -> None:
    """Refuse to measure what cannot stand beside what was measured.

    Args:
        before: as the recording has them.
        now: as the service tells them.
        measured: what the run measures.
        run: what the run is called in a message.

    Raises:
        WattscanError: a variant's file or what runs it has changed.
    """
    for task, variants in measured.items():
        for precision in variants:
            was, is_now = before.get((task, precision)), now.get((task, precision), set())
            if was and not _is_same(was, is_now):
                raise WattscanError(
                    f"the model of {task}, {precision.upper()}, is not the one that {run} has "
                    f"measured: {_difference(was, is_now)}; bring back what it was, or start a new "
                    "run"
                )


def _is_same(was: Set[Model], is_now: Set[Model]) -> bool:
    return all(any(_agree(one, other) for other in is_now) for one in was) and all(
        any(_agree(one, other) for other in was) for one in is_now
    )


def _agree(one: Model, other: Model) -> bool:
    """Whether they are one, as far as both are told: an older recording has fewer labels."""
    return all(a == b or not a or not b for a, b in zip(one, other, strict=True))


def _difference(was: Set[Model], is_now: Set[Model]) -> str:
    old, new = _columns(was), _columns(is_now)
    differing = [
        f"its {said} was {old[name]} and is {new[name]}"
        for name, said in _FACTS.items()
        if old[name] != new[name] and old[name] != _UNKNOWN
    ]
    return ", ".join(differing)


def _columns(models: Set[Model]) -> dict[str, str]:
    """Each fact of the models, for a reader."""
    shown = {}
    for place, name in enumerate(_FACTS):
        values = sorted({model[place] for model in models} - {""})
        digits = _DIGITS if name == "sha256" else None
        shown[name] = " and ".join(value[:digits] for value in values) or _UNKNOWN
    return shown
