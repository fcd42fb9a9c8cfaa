"""Both builds in every engine that is here: which is better, and which layers cost it most."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattscan import plugins
from wattscan.contracts import Engine, ModelCard, WattscanError
from wattscan.samples import Sample
from wattscan.training.own import engines, form, labels, outputs
from wattscan.training.ptq.plan import (
    ALL,
    BUILDS,
    Build,
    Outcome,
    QuantizeOptions,
    Quantizer,
    Say,
    Tried,
)
from wattscan.units import Seconds

_TURN = Seconds(0.3)
_SETTINGS = {"threads": 1}
_SAMPLES_OF_A_LAYER = 16
# An accelerator that takes integers alone wants every operator in 8 bits.
_NEAR = 1.05


@dataclass(frozen=True)
class Search:
    """Of one file: `quantizer` builds, `folder` takes the builds, `say` is told what is done."""

    quantizer: Quantizer
    asked: QuantizeOptions
    folder: Path
    say: Say

    def run(self) -> Outcome:
        """Build, compare, and choose.

        Raises:
            WattscanError: a layer to keep is none, no engine runs the file, or no build is made.
        """
        self._check_layers()
        right, seconds = self._reference()
        found = Outcome([], {}, seconds, {})
        for name, told in BUILDS.items():
            build, path = Build(name, self.asked.keep), self._path(name)
            self.say(f"Building INT8 with {told} ...")
            try:
                self.quantizer.build(build, path)
            except WattscanError as error:
                self.say(f"Not built: {error}")
                continue
            tried = [self._try(build, path, engine, right[engine]) for engine in right]
            left = self.quantizer.in_float(path, build)
            found = replace(
                found,
                tried=[*found.tried, *tried],
                in_float={**found.in_float, name: left},
                paths={**found.paths, name: path},
            )
        if not found.paths:
            raise WattscanError("the file has no INT8 form: see above why")
        chosen = {engine: self._better(found.tried, engine) for engine in right}
        found = replace(found, chosen=chosen)
        return replace(found, costly=self._costly(found.best(self.asked.tolerance), right))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{self.quantizer.source.suffix}"

    def _check_layers(self) -> None:
        layers = self.quantizer.layers()
        unknown = [layer for layer in self.asked.keep if layer not in layers]
        if unknown:
            raise WattscanError(
                f"there is no layer {unknown[0]!r} to keep in float; the layers are: "
                f"{', '.join(layers)}"
            )

    def _reference(self) -> tuple[dict[str, outputs.Answers], dict[str, float]]:
        """The float file's answers and its cost, in each engine that runs it."""
        card = form.card_of("file", "float", self.quantizer.source)
        right: dict[str, outputs.Answers] = {}
        seconds: dict[str, float] = {}
        for name in engines_for(card):
            try:
                with engines.engine_of(card, name, _SETTINGS) as engine:
                    right[name] = engines.answers(engine, self.asked.held_out)
                    seconds[name] = _cost(engine, self.asked.held_out)
            except WattscanError as error:
                self.say(f"Without {name}: {error}")
        if not right:
            raise WattscanError("no engine here runs the file: see above why, or install one")
        for given in right.values():
            self._areas(given, given)  # labels that do not fit are told now
        return right, seconds

    def _try(self, build: Build, path: Path, engine_name: str, right: outputs.Answers) -> Tried:
        samples = self.asked.held_out[: len(right)]
        try:
            card = form.card_of("file", "int8", path)
            with engines.engine_of(card, engine_name, _SETTINGS) as engine:
                given = engines.answers(engine, samples)
                compared = tuple(outputs.compare(right, given))
                cost = _cost(engine, samples)
                return Tried(build, engine_name, compared, cost, areas=self._areas(right, given))
        except WattscanError as error:
            told = str(error).replace(f"{self.folder}/", "")
            return Tried(build, engine_name, failed=told)

    def _areas(self, right: outputs.Answers, given: outputs.Answers) -> tuple[float, float] | None:
        """The AUC-ROC of the file in float and of the other. Raises: WattscanError."""
        known = self.asked.labels[: len(right)]
        return (labels.auc_roc(known, right), labels.auc_roc(known, given)) if known else None

    def _better(self, tried: Iterable[Tried], engine: str) -> Tried:
        """The faster one of those within the tolerance, that of all operators where they are about
        as fast; of none, the one that agrees more."""
        mine = [each for each in tried if each.engine == engine]
        good = [each for each in mine if each.error <= self.asked.tolerance]
        if good:
            return min(good, key=lambda t: t.seconds * (1 if t.build.name == ALL else _NEAR))
        return min(mine, key=lambda each: (each.error, each.build.name != ALL))

    def _costly(self, best: Tried, right: Mapping[str, outputs.Answers]) -> list[tuple[str, float]]:
        """What the error would be with one more layer in float, where that gains something."""
        if best.error in (0, float("inf")) or not self.asked.layers:
            return []
        layers = [layer for layer in self.quantizer.layers() if layer not in best.build.keep]
        # The first and the last ones are where it is lost as a rule; of those between, some.
        count = min(len(layers), self.asked.layers)
        places = sorted({round(place) for place in np.linspace(0, len(layers) - 1, count)})
        some = right[best.engine][:_SAMPLES_OF_A_LAYER]
        path, found = self._path("one-in-float"), []
        for number, layer in enumerate((layers[place] for place in places), 1):
            self.say(f"What layer {number} of {len(places)}, {layer}, costs ...")
            build = Build(best.build.name, (*best.build.keep, layer))
            try:
                self.quantizer.build(build, path)
            except WattscanError:
                continue
            tried = self._try(build, path, best.engine, some)
            if tried.error < best.error:
                found.append((layer, tried.error))
        return sorted(found, key=lambda pair: pair[1])


def engines_for(card: ModelCard) -> list[str]:
    """The backends that read the card's file."""
    (file,) = card.files
    return [n for n in plugins.usable("backends") if file.format == plugins.backend(n).FORMAT]


def _cost(engine: Engine, samples: Sequence[Sample]) -> float:
    """Processor time of an image, s: of a third of a second's work."""
    ready = samples[:4]
    engines.answers(engine, ready[:1])
    count, start, until = 0, time.process_time(), time.monotonic() + _TURN
    while not count or time.monotonic() < until:
        engines.answers(engine, ready)
        count += len(ready)
    return (time.process_time() - start) / count
