"""Does every engine on this machine reproduce the score that the card claims?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from wattscan import plugins
from wattscan.artifacts import SYMMETRIC
from wattscan.contracts import (
    Engine,
    EngineAbsent,
    Format,
    ModelCard,
    ModelFile,
    Task,
    Tensor,
    WattscanError,
)
from wattscan.training.agreement import REFERENCE, compared
from wattscan.training.data import Split, inputs

SCORE_TOLERANCE = 0.002
"""How far an engine's score may lie from the card's."""

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
class EngineSettings:
    """A backend, and the settings besides its defaults."""

    backend: str
    settings: Mapping[str, str]
    format: Format

    @property
    def label(self) -> str:
        """How it is named in a line."""
        form = [SYMMETRIC] if self.format == SYMMETRIC else []
        return " ".join([self.backend, *self.settings.values(), *form])


@dataclass(frozen=True)
class ScoringJob:
    """One model to be scored. `held_out` is the set that the card's score is from."""

    card: ModelCard
    task: Task
    held_out: Split


_REFERENCE = EngineSettings(REFERENCE, {}, "onnx")
_SYMMETRIC = EngineSettings(REFERENCE, {}, SYMMETRIC)


def check_engines(
    job: ScoringJob, files: list[ModelFile], absent: dict[str, str]
) -> Iterator[Line]:
    """Score a model in every backend that reads one of its files; compare their answers with those
    of ONNX Runtime's CPU provider, which computes an ONNX file as ONNX defines it.

    Args:
        job: the model.
        files: those of its files that are whole.
        absent: why an engine is not on this machine, by its label: filled in, asked once.
    """
    card = job.card
    reference: Tensor | None = None
    for choice in _choices():
        for file in (file for file in files if file.format == choice.format):
            name = f"{choice.label} score"
            try:
                provider, logits = run(choice, file.path, job, absent)
            except WattscanError as error:
                skipped = choice.label in absent
                yield Line(card.name, name, "skipped" if skipped else "FAILED", str(error))
                continue
            yield _scored(Line(card.name, name, "ok", provider), job, logits)
            if choice == _REFERENCE:
                reference = logits
            # TensorRT's form has steps of its own, and a score to keep.
            if choice in (_REFERENCE, _SYMMETRIC):
                continue
            title = f"{choice.label} = {_REFERENCE.label}"
            if reference is None:
                yield Line(card.name, title, "skipped", "not compared: the reference did not run")
                continue
            agree, note = compared(job.task, card.datatype, reference, logits)
            yield Line(card.name, title, "ok" if agree else "FAILED", note)


def run(
    choice: EngineSettings, file: Path, job: ScoringJob, absent: dict[str, str]
) -> tuple[str, Tensor]:
    """The provider that ran it, and the logits of the held-out set. Raises: WattscanError."""
    if choice.label in absent:
        raise WattscanError(absent[choice.label])
    try:
        settings = {"threads": 1, **choice.settings}
        engine: Engine = plugins.backend(choice.backend).open_engine(file, settings)
    except Exception as error:  # an SDK's own error fails this engine's line, not the whole check
        told = str(error) if isinstance(error, WattscanError) else _first_line(error)
        if isinstance(error, EngineAbsent):
            absent[choice.label] = told
        raise WattscanError(told) from error
    try:
        # One image at a time: an engine may be built for a batch of one.
        images = (image[np.newaxis] for image in job.held_out.images)
        norm = job.card.normalisation
        logits = [engine.infer(inputs(job.task, image, norm)) for image in images]
        return engine.provider, np.concatenate(logits)
    except Exception as error:  # such as a model of another shape
        raise WattscanError(_first_line(error)) from error
    finally:
        engine.close()


def _choices() -> list[EngineSettings]:
    """The reference, then every other backend, and its variants after it."""
    every = [
        EngineSettings(name, settings, plugins.backend(name).FORMAT)
        for name in plugins.usable("backends")
        for settings in ({}, *_VARIANTS.get(name, ()))
    ]
    return sorted([*every, _SYMMETRIC], key=lambda choice: choice != _REFERENCE)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _scored(line: Line, job: ScoringJob, logits: Tensor) -> Line:
    metric = job.task.metric
    expected = next((q.value for q in job.card.quality if q.metric == metric), None)
    if expected is None:
        return Line(line.model, line.check, "FAILED", f"the card gives no {metric}")
    try:
        score = job.task.score(logits, np.asarray(job.held_out.truth))
    except (ValueError, IndexError) as error:
        return Line(line.model, line.check, "FAILED", f"its answers have no score: {error}")
    # `not <=`: a score that is not a number fails too.
    verdict: Verdict = "ok" if abs(score - expected) <= SCORE_TOLERANCE else "FAILED"
    note = f"{metric} {score:.4f}, the card says {expected:.4f} ({line.note})"
    return Line(line.model, line.check, verdict, note)
