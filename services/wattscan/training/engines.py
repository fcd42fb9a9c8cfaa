"""Does every engine on this machine reproduce the score that the card claims?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wattscan import plugins
from wattscan.contracts import (
    Engine,
    EngineAbsent,
    Format,
    Mask,
    ModelCard,
    ModelFile,
    Task,
    Tensor,
    WattscanError,
)
from wattscan.training.heldout import HeldOut, logits_of

SCORE_TOLERANCE = 0.002
"""How far an engine's score may lie from the card's."""
DISAGREEMENT_TOLERANCE = 0.001
"""What part of the pixels two engines of one INT8 model may label differently."""

Verdict = Literal["ok", "FAILED", "skipped"]

_VARIANTS: dict[str, tuple[Mapping[str, str], ...]] = {"onnxruntime": ({"provider": "openvino"},)}
"""Settings to check besides a backend's defaults."""


@dataclass(frozen=True)
class Line:
    """One check of one model, and what was seen."""

    model: str
    check: str
    verdict: Verdict
    note: str


@dataclass(frozen=True)
class _Choice:
    backend: str
    settings: Mapping[str, str]
    format: Format

    @property
    def label(self) -> str:
        return " ".join([self.backend, *self.settings.values()])


def check_engines(
    card: ModelCard,
    task: Task,
    files: list[ModelFile],
    held_out: HeldOut,
    absent: dict[str, str],
) -> Iterator[Line]:
    """Score a model in every backend that reads one of its files; compare the INT8 masks.

    Args:
        card: the model's.
        task: scores it.
        files: those of its files that are whole.
        held_out: the set that the card's score is from.
        absent: why an engine is not on this machine, by its label: filled in, asked once.
    """
    first: tuple[str, Tensor] | None = None
    for choice in _choices():
        for file in (file for file in files if file.format == choice.format):
            name = f"{choice.label} score"
            try:
                provider, logits = _run(choice, file, held_out, absent)
            except WattscanError as error:
                skipped = choice.label in absent
                yield Line(card.name, name, "skipped" if skipped else "FAILED", str(error))
                continue
            yield _scored(Line(card.name, name, "ok", provider), card, task, logits, held_out)
            if card.precision == "int8" and task.kind == "segmentation":
                if first is not None:
                    line = Line(card.name, f"{choice.label} = {first[0]}", "ok", "")
                    yield _compared(line, task, first[1], logits, held_out)
                first = first or (choice.label, logits)


def _choices() -> list[_Choice]:
    """Every backend, and its variants after it."""
    return [
        _Choice(name, settings, plugins.backend(name).FORMAT)
        for name in plugins.names("backends")
        for settings in ({}, *_VARIANTS.get(name, ()))
    ]


def _run(
    choice: _Choice, file: ModelFile, held_out: HeldOut, absent: dict[str, str]
) -> tuple[str, Tensor]:
    """The provider that ran it, and the logits of the held-out set. Raises: WattscanError."""
    if choice.label in absent:
        raise WattscanError(absent[choice.label])
    try:
        settings = {"threads": 1, **choice.settings}
        engine: Engine = plugins.backend(choice.backend).open_engine(file.path, settings)
    except Exception as error:  # an SDK's own error fails this engine's line, not the whole check
        told = str(error) if isinstance(error, WattscanError) else _first_line(error)
        if isinstance(error, EngineAbsent):
            absent[choice.label] = told
        raise WattscanError(told) from error
    try:
        return engine.provider, logits_of(engine, held_out.inputs)
    finally:
        engine.close()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _scored(line: Line, card: ModelCard, task: Task, logits: Tensor, held_out: HeldOut) -> Line:
    expected = next((q.value for q in card.quality if q.metric == task.metric), None)
    if expected is None:
        return Line(line.model, line.check, "FAILED", f"the card gives no {task.metric}")
    score = task.score(logits, held_out.truth)
    # `not <=`: a score that is not a number fails too.
    verdict: Verdict = "ok" if abs(score - expected) <= SCORE_TOLERANCE else "FAILED"
    note = f"{task.metric} {score:.4f}, the card says {expected:.4f} ({line.note})"
    return Line(line.model, line.check, verdict, note)


def _compared(line: Line, task: Task, one: Tensor, other: Tensor, held_out: HeldOut) -> Line:
    height, width = held_out.truth.shape[1:3]
    masks = [_masks(task, logits, (height, width)) for logits in (one, other)]
    part = float(np.mean(masks[0] != masks[1]))
    verdict: Verdict = "ok" if part <= DISAGREEMENT_TOLERANCE else "FAILED"
    largest = float(np.abs(one - other).max())
    note = f"{part:.4%} of the pixels differ, logits by {largest:.3f} at most"
    return Line(line.model, line.check, verdict, note)


def _masks(task: Task, logits: Tensor, size: tuple[int, int]) -> Any:
    made = [task.postprocess(one, size) for one in logits]
    return np.stack([mask.pixels for mask in made if isinstance(mask, Mask)])
