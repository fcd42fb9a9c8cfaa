"""From a version's folder to a model that is ready to answer: opened, checked, warmed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.artifacts import load_card, model_file, sha256
from wattscan.contracts import (
    AUTO,
    Array,
    Engine,
    EngineAbsent,
    EngineUnfit,
    Format,
    ModelFile,
    Target,
    TensorSpec,
    WattscanError,
)
from wattscan.engine_choice import Choice, cheapest, tuned
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.batching.runner import ImageRunner, Runner, TensorRunner
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.folder import ModelFolder, VersionFolder
from wattscan.serving.repository.loaded import Clinical, LoadedModel
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
    opened = _opened(model, version, config, target, clinical)
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


@dataclass(frozen=True)
class _Opened:
    backend: str
    file: ModelFile
    engines: Sequence[Engine]
    threads: int
    reason: str
    choice: _Chosen


def _opened(
    model: ModelFolder,
    version: VersionFolder,
    config: ModelConfig,
    target: Target,
    clinical: Clinical | None,
) -> _Opened:
    """In the backend that was chosen, if that computes the model as its file says; else in the
    first that does."""
    choice = _choice(clinical, config, target)
    first = choice.backend
    candidates = _candidates(version, first)
    if config.backend and candidates[:1] != [first]:
        raise WattscanError(
            f"{model.name} version {version.number} has no file for the backend {first}"
        )
    reasons: list[str] = []
    # Clients read why, and where the folder lies is not theirs to know.
    here = f"{model.path.parent}/"
    lossy: _Opened | None = None
    for name in candidates:
        settings = _settings(name, first, config, target)
        file = _file(version, clinical, plugins.formats(name, settings))
        try:
            engines = [
                _engine(name, file, settings, model.name) for _ in range(config.batching.instances)
            ]
        except EngineUnfit as error:
            reasons.append(str(error))
            continue
        except WattscanError as error:
            if choice.is_auto and isinstance(error, EngineAbsent):
                reasons.append(str(error))
            if not reasons:
                raise
            continue  # not here either; the first reason is what people can act on
        threads = int(settings.get("threads", 1))
        opened = _Opened(name, file, engines, threads, "; ".join(reasons).replace(here, ""), choice)
        # Images are finite, and so are the values that clinical models take over other protocols.
        may_have_nan = clinical is None and not config.finite_inputs
        if may_have_nan and lossy is None and not getattr(engines[0], "keeps_nan", True):
            reasons.append(f"{name} may make a number of a NaN")
            told = [*filter(None, [opened.reason]), reasons[-1], "no other engine is here"]
            lossy = replace(opened, reason="; ".join(told))
            continue
        for engine in lossy.engines if lossy else ():
            engine.close()
        return opened
    if lossy:
        return lossy
    raise WattscanError(reasons[0])


@dataclass(frozen=True)
class _Chosen(Choice):
    """`is_auto`: nobody named the backend. `is_tuned`: it was found to cost the least here."""

    is_auto: bool = False
    is_tuned: bool = False


def _choice(clinical: Clinical | None, config: ModelConfig, target: Target) -> _Chosen:
    """As the model says, or the target; where that is `auto`, as `models tune` found."""
    largest = config.batching.max_batch_size
    if config.backend or target.backend != AUTO:
        return _Chosen(config.backend or target.backend, largest)
    known = tuned(clinical.card.files) if clinical is not None else None
    if known is None:
        return _Chosen(max_batch_size=largest, is_auto=True)
    best = cheapest(known)
    # Whoever has set a batch has a reason.
    largest = largest if config.sets_batch or largest > 1 else best.max_batch_size
    return _Chosen(best.backend, largest, is_auto=True, is_tuned=True)


def _candidates(version: VersionFolder, first: str) -> list[str]:
    """The backends that read one of the version's files: the first, then those of its format."""
    formats = {name: plugins.backend(name).FORMAT for name in (first, *plugins.usable("backends"))}
    able = [name for name, kind in formats.items() if kind in version.files]
    if not able:
        raise WattscanError(f"version {version.number} has neither model.onnx nor model.tflite")
    return sorted(able, key=lambda name: (name != first, formats[name] != formats[first]))


def _settings(name: str, first: str, config: ModelConfig, target: Target) -> dict[str, Any]:
    """The target's for its backend; and the model's, of which another engine than the one that it
    is for takes the threads."""
    settings = {**(target.backend_settings if target.backend in (name, AUTO) else {})}
    own = config.backend_settings
    settings.update(own if name == first else {k: v for k, v in own.items() if k == "threads"})
    return settings


def _engine(backend: str, file: ModelFile, settings: Mapping[str, Any], name: str) -> Engine:
    try:
        return plugins.backend(backend).open_engine(file.path, settings)
    except SystemExit as error:  # a runtime that gives up must not take the server with it
        raise WattscanError(f"{name} cannot be loaded: {type(error).__name__}") from None


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


def _file(
    version: VersionFolder, clinical: Clinical | None, formats: Sequence[Format]
) -> ModelFile:
    """The first of the formats that is there."""
    file_format = next(each for each in formats if each in version.files)
    path = version.files[file_format]
    if clinical is None:
        return ModelFile(file_format, path, sha256(path))
    file = model_file(clinical.card, file_format)
    if file.path != path:
        raise WattscanError(f"the card {version.card} does not describe {path}")
    return file


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
