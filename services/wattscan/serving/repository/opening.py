"""Opens a version's file in the engine that was chosen, or in the first that computes it right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wattscan import plugins
from wattscan.artifacts import model_file, sha256
from wattscan.contracts import (
    AUTO,
    Engine,
    EngineAbsent,
    EngineUnfit,
    Format,
    ModelFile,
    Target,
    WattscanError,
)
from wattscan.engine_choice import Choice, cheapest, tuned
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.folder import ModelFolder, VersionFolder
from wattscan.serving.repository.loaded import Clinical


@dataclass(frozen=True)
class Chosen(Choice):
    """`is_auto`: nobody named the backend. `is_tuned`: it was found to cost the least here."""

    is_auto: bool = False
    is_tuned: bool = False


@dataclass(frozen=True)
class Opened:
    """A file, open in as many engines as the model has instances. `reason`: why not in the backend
    that was asked for."""

    backend: str
    file: ModelFile
    engines: Sequence[Engine]
    threads: int
    choice: Chosen
    reason: str = ""


@dataclass(frozen=True)
class Opener:
    """What is opened, and for what. `clinical`: None for a model of plain tensors."""

    model: ModelFolder
    version: VersionFolder
    config: ModelConfig
    target: Target
    clinical: Clinical | None

    def open(self) -> Opened:
        """In the backend that was chosen, if that computes the model as its file says; else in the
        first that does. Raises: WattscanError: none does."""
        choice = _choice(self.clinical, self.config, self.target)
        reasons: list[str] = []
        # Clients read why, and where the folder lies is not theirs to know.
        here = f"{self.model.path.parent}/"
        lossy: Opened | None = None
        for name in self._candidates(choice.backend):
            try:
                opened = self._in(name, choice)
            except EngineUnfit as error:
                reasons.append(str(error))
                continue
            except WattscanError as error:
                if choice.is_auto and isinstance(error, EngineAbsent):
                    reasons.append(str(error))
                if not reasons:
                    raise
                continue  # not here either; the first reason is what people can act on
            opened = replace(opened, reason="; ".join(reasons).replace(here, ""))
            if lossy is None and self._may_lose_nan(opened):
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

    def _candidates(self, first: str) -> list[str]:
        """The backends that read one of the files: the first, then those of its format."""
        number, files = self.version.number, self.version.files
        formats = {
            each: plugins.backend(each).FORMAT for each in (first, *plugins.usable("backends"))
        }
        able = [name for name, kind in formats.items() if kind in files]
        if not able:
            raise WattscanError(f"version {number} has neither model.onnx nor model.tflite")
        able.sort(key=lambda name: (name != first, formats[name] != formats[first]))
        if self.config.backend and able[0] != first:
            raise WattscanError(
                f"{self.model.name} version {number} has no file for the backend {first}"
            )
        return able

    def _in(self, name: str, choice: Chosen) -> Opened:
        settings = _settings(name, choice.backend, self.config, self.target)
        file = _file(self.version, self.clinical, plugins.formats(name, settings))
        engines = [
            _engine(name, file, settings, self.model.name)
            for _ in range(self.config.batching.instances)
        ]
        return Opened(name, file, engines, int(settings.get("threads", 1)), choice)

    def _may_lose_nan(self, opened: Opened) -> bool:
        """Images are finite, and so are the values that clinical models take over other protocols:
        of other inputs nobody knows."""
        may_have_nan = self.clinical is None and not self.config.finite_inputs
        return may_have_nan and not getattr(opened.engines[0], "keeps_nan", True)


def _choice(clinical: Clinical | None, config: ModelConfig, target: Target) -> Chosen:
    """As the model says, or the target; where that is `auto`, as `models tune` found."""
    largest = config.batching.max_batch_size
    if config.backend or target.backend != AUTO:
        return Chosen(config.backend or target.backend, largest)
    known = tuned(clinical.card.files) if clinical is not None else None
    if known is None:
        return Chosen(max_batch_size=largest, is_auto=True)
    best = cheapest(known)
    # Whoever has set a batch has a reason.
    largest = largest if config.sets_batch or largest > 1 else best.max_batch_size
    return Chosen(best.backend, largest, is_auto=True, is_tuned=True)


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
