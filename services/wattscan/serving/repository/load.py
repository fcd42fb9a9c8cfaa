"""From a version's folder to a model that is ready to answer: opened, checked, warmed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wattscan import plugins
from wattscan.artifacts import load_card
from wattscan.contracts import (
    Array,
    Engine,
    Target,
    TensorSpec,
    WattscanError,
)
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.batching.runner import ImageRunner, Runner, TensorRunner
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.folder import ModelFolder, VersionFolder
from wattscan.serving.repository.loaded import Clinical, LoadedModel
from wattscan.serving.repository.opening import Opener
from wattscan.serving.repository.own import own_scores
from wattscan.serving.repository.warm_up import rows_are_images, warm_up

_FLOAT32 = np.dtype(np.float32)
_NUMBERS = "biuf"


def load(
    model: ModelFolder, version: VersionFolder, config: ModelConfig, target: Target
) -> LoadedModel:
    """Open the version's file in as many engines as the model has instances, and run each once.

    Raises:
        WattscanError: a card, a file, the backend or the model is not as it should be.
    """
    clinical = _clinical(model, version)
    opened = Opener(model, version, config, target, clinical).open()
    engines = opened.engines
    inputs, outputs = _tensors(model.name, engines[0], clinical)
    runners = _runners(engines, clinical)
    batched = all(spec.shape[:1] == (-1,) for spec in (*inputs, *outputs))
    if batched and clinical is None:
        batched = rows_are_images(runners[0], inputs, config)
    choice = opened.choice
    of = choice if opened.backend == choice.backend else config.batching
    batching = replace(config.batching, max_batch_size=of.max_batch_size if batched else 1)
    answer = warm_up(model.name, runners, inputs, config)
    if clinical is not None and answer is not None:
        _check_shape(model.name, answer[0], outputs[0])
    return LoadedModel(
        name=model.name,
        version=version.number,
        config=config,
        backend=opened.backend,
        file=opened.file,
        clinical=clinical,
        engines=engines,
        batcher=Batcher(runners, batching),
        inputs=inputs,
        outputs=outputs,
        batched=batched,
        engine_version=plugins.engine_version(opened.backend),
        threads=opened.threads,
        engine_reason=opened.reason,
        scores=own_scores(version, opened.file) if clinical is None else (),
        untuned=choice.is_auto and not choice.is_tuned and clinical is not None,
    )


def _clinical(model: ModelFolder, version: VersionFolder) -> Clinical | None:
    if not model.clinical:
        return None
    if version.card is None:
        raise WattscanError(
            f"{model.name} version {version.number} has no card.json, and its other versions have: "
            "put one beside its file"
        )
    card = load_card(version.card)
    if card.name != model.name:
        raise WattscanError(
            f"the card {version.card} is of {card.name}: its folder must have that name"
        )
    return Clinical(plugins.task(card.task), card)


def _tensors(
    name: str, engine: Engine, clinical: Clinical | None
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """What the model takes and gives on the wire: a task's are the same whatever runs inside."""
    if clinical is None:
        for spec in (*engine.inputs, *engine.outputs):
            if spec.dtype.kind not in _NUMBERS:
                raise WattscanError(f"{name}: {spec.name} is {spec.dtype.name}: numbers only")
        return engine.inputs, engine.outputs
    if len(engine.inputs) != 1 or len(engine.outputs) != 1:
        raise WattscanError(f"{name} is no model with one input and one output")
    task = clinical.task
    height, width, channels = task.input_shape
    image = TensorSpec("image", _FLOAT32, (-1, height, width, channels))
    if task.kind == "segmentation":
        return (image,), (TensorSpec("mask", _FLOAT32, (-1, height, width, 1)),)
    return (image,), (TensorSpec("findings", _FLOAT32, (-1, len(task.findings))),)


def _runners(engines: Sequence[Engine], clinical: Clinical | None) -> list[Runner]:
    kind = TensorRunner if clinical is None else ImageRunner
    return [kind(engine) for engine in engines]


def _check_shape(name: str, logits: Array, spec: TensorSpec) -> None:
    expected = (1, *spec.shape[1:])
    if logits.shape != expected:
        raise WattscanError(f"{name} answers with shape {logits.shape}; its task needs {expected}")
