"""Before a run: does the engine that is to be measured answer as the model's file says?

ONNX Runtime's CPU provider is the reference. An engine that answers otherwise has joules of
something else. What has been compared is kept, by the files and the versions of both engines.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wattscan import cache, plugins
from wattscan.artifacts import SYMMETRIC, model_file
from wattscan.contracts import EngineAbsent, Format, ModelCard, Target, Tensor, WattscanError
from wattscan.training.agreement import REFERENCE, compared
from wattscan.training.data import inputs

_KEPT = "compared"
_IMAGES, _SEED = 4, 31


def check_engines(
    wanted: Sequence[ModelCard], target: Target, say: Callable[[str], None]
) -> list[str]:
    """Compare the target's engine with the reference, on a few phantom images of each task.

    Args:
        wanted: the models that are measured.
        target: whose backend, with its settings.
        say: is told what is done, where it takes time.

    Returns:
        What could not be compared, a sentence each.

    Raises:
        WattscanError: an engine answers otherwise, beyond `training.agreement`'s tolerance.
    """
    kept = cache.read(_KEPT)
    asked = {card.name: _key(card, target) for card in wanted}
    new = [card for card in wanted if asked[card.name] and asked[card.name] not in kept]
    if not new:
        return []
    if not plugins.engine_version(REFERENCE):
        return [
            f"not compared: whether {target.backend} answers as the models' files say is not "
            "known, since ONNX Runtime is not installed (pip install 'wattscan[onnxruntime]')"
        ]
    say(f"Comparing {target.backend} with ONNX Runtime, once for each model ...")
    for card in new:
        note = _compare(card, target)
        if note is not None:
            kept[asked[card.name]] = note
    with contextlib.suppress(WattscanError):  # the next run compares again
        cache.add(_KEPT, kept)
    say(f"{target.backend} answers as ONNX Runtime does with {len(new)} model(s)")
    return []


def _compare(card: ModelCard, target: Target) -> str | None:
    """What was seen; None where the engine cannot be opened: the service will say why."""
    task = plugins.task(card.task)
    images = inputs(task, task.phantom(_IMAGES, seed=_SEED).images, card.normalisation)
    try:
        found, form = _logits(card, target.backend, target.backend_settings, images)
    except EngineAbsent:
        return None
    # TensorRT's form has steps of its own: it is compared with itself.
    cpu = {"threads": 1, "provider": "cpu"}
    reference, _ = _logits(card, REFERENCE, cpu, images, form if form == SYMMETRIC else None)
    agree, note = compared(task, card.datatype, reference, found)
    if not agree:
        raise WattscanError(
            f"{target.backend} answers otherwise with {card.name} than ONNX Runtime's CPU provider "
            f"does ({note}): its joules would be of another model. Name another backend in the "
            "target's TOML"
        )
    return note


def _logits(
    card: ModelCard,
    backend: str,
    settings: Mapping[str, Any],
    images: Tensor,
    wanted: Format | None = None,
) -> tuple[Tensor, Format]:
    """The answers, and the format of the file that gave them: the one that is wanted, else the best
    for the backend."""
    have = {file.format for file in card.files}
    asked = plugins.formats(backend, settings) if wanted is None else (wanted,)
    form = next(each for each in asked if each in have)
    path = model_file(card, form).path
    with contextlib.closing(plugins.backend(backend).open_engine(path, settings)) as engine:
        # One image at a time: an engine may be built for a batch of one.
        return np.concatenate([engine.infer(image[np.newaxis]) for image in images]), form


def _key(card: ModelCard, target: Target) -> str:
    """What a comparison is of; "" where the engine is the reference."""
    settings = {k: v for k, v in target.backend_settings.items() if k != "threads"}
    if target.backend == REFERENCE and settings.get("provider", "cpu") == "cpu":
        return ""
    files = {file.format: file.sha256 for file in card.files}
    engines = [f"{name} {plugins.engine_version(name)}" for name in (target.backend, REFERENCE)]
    return json.dumps([files, engines, settings], sort_keys=True, default=str)
