"""Which engine each variant of a run is measured in, settled before the service starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wattscan.artifacts import find_cards
from wattscan.bench.faithful import check_engines
from wattscan.bench.record import Record
from wattscan.bench.tuning import tune_models
from wattscan.contracts import AUTO, ModelCard, Target, WattscanError
from wattscan.engine_choice import same_engine
from wattscan.serving.cli import chosen_target
from wattscan.training.tune import TuneOptions

SAME = "(the same)"
"""The backend of a run whose variants are compared in one engine, before that is known."""


@dataclass(frozen=True)
class Engines:
    """`backend`: what the service is to take instead of the target's, or empty; `warnings`: what
    could not be compared with ONNX Runtime."""

    backend: str
    warnings: list[str]


def target_of(name: str, backend: str) -> Target:
    """The target, in the engine that was asked for. Raises: WattscanError."""
    return chosen_target(name, None if backend == SAME else backend)


def settle(asked: Record, target: Target, say: Callable[[str], None]) -> Engines:
    """Have the engines compared with ONNX Runtime and, where the target leaves the engine open,
    find the cheapest of them; `say` is told what is done.

    Raises:
        WattscanError: an engine answers otherwise, or none runs all models that are to share one.
    """
    if target.backend != AUTO:
        warnings = check_engines(_cards(asked), target, say)
        return Engines("" if asked.backend == SAME else asked.backend, warnings)
    cards = _cards(asked)
    say(
        f"Looking for the engine that costs the least for each of {len(cards)} models: some 15 s "
        "each, once on this machine ..."
    )
    known = tune_models(cards, target, Path(asked.sysfs), TuneOptions(), say)
    unknown = [name for name, tuning in known.items() if not tuning.compared]
    warnings = [f"not compared with ONNX Runtime: {', '.join(unknown)}"] if unknown else []
    if asked.backend != SAME:
        return Engines(asked.backend, warnings)
    backend = same_engine(list(known.values())) if len(known) == len(cards) else None
    if backend is None:
        raise WattscanError("no engine here runs all these models: leave out --same-engine")
    say(f"All variants run in {backend}, which is nearest to each one's cheapest.")
    return Engines(backend, warnings)


def _cards(asked: Record) -> list[ModelCard]:
    cards = find_cards(Path(asked.models))
    return [card for card in cards if card.precision in asked.measured.get(card.task, ())]
