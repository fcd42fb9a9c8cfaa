"""A file of the user's own in the engines that are here: its answers, and what an image costs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.artifacts import model_file
from wattscan.contracts import Array, Engine, ModelCard, Tensor, TensorSpec, WattscanError
from wattscan.engine_choice import BATCH, Tuning
from wattscan.samples import Sample
from wattscan.training.agreement import REFERENCE
from wattscan.training.own.outputs import Answers, compare, relative_error
from wattscan.training.steady import opened
from wattscan.training.tune import Say, TuneOptions, costs_in

COMPARED = 8
"""On so many samples an engine is compared with ONNX Runtime."""
_FLOAT_ERROR, _INTEGER_ERROR = 1e-3, 0.1
"""How far the outputs of two engines may lie apart: root mean squares, relative. Engines round
fused integer sums otherwise; a wrong kernel is off by 0.16 and more (docs/models.md)."""


@contextlib.contextmanager
def engine_of(card: ModelCard, backend: str, settings: Mapping[str, Any]) -> Iterator[Engine]:
    """The card's file in that backend. Raises: WattscanError."""
    module = plugins.backend(backend)
    path = model_file(card, module.FORMAT).path
    with contextlib.closing(module.open_engine(path, settings)) as engine:
        yield engine


def inputs_of(card: ModelCard) -> tuple[TensorSpec, ...]:
    """What the file takes, as the first engine that opens it says.

    Raises: WattscanError: none does, and why.
    """
    reasons = []
    (form,) = (file.format for file in card.files)
    names = [n for n in plugins.usable("backends") if form == plugins.backend(n).FORMAT]
    for name in sorted(names, key=lambda name: name != REFERENCE):
        try:
            with engine_of(card, name, {"threads": 1}) as engine:
                return engine.inputs
        except WattscanError as error:
            reasons.append(str(error))
    told = "; ".join(reasons) or f"no engine that reads {form} is installed"
    raise WattscanError(f"{card.files[0].path} cannot be opened: {told}")


def answers(engine: Engine, samples: Sequence[Sample]) -> Answers:
    """Its outputs for each sample, as real numbers. Raises: WattscanError."""
    run = getattr(engine, "run_real", engine.run)
    found = []
    for sample in samples:
        try:
            found.append([np.array(each) for each in run(_in_order(engine, sample))])
        except Exception as error:  # each runtime has its own
            first = (str(error).splitlines() or [type(error).__name__])[0]
            told = f"{engine.provider} cannot run it on these inputs: {first}"
            raise WattscanError(told) from None
    return found


def answers_in(
    card: ModelCard, backend: str, settings: Mapping[str, Any], samples: Sequence[Sample]
) -> Answers:
    """The same, of an engine that is opened for it. Raises: WattscanError."""
    with engine_of(card, backend, settings) as engine:
        return answers(engine, samples)


def as_taken(engine: Engine, samples: Sequence[Sample]) -> list[Sample] | None:
    """The samples as the integers that the file takes; None where it takes them as they are."""
    on_grid = getattr(engine, "on_grid", None)
    kinds = {spec.dtype for spec in engine.inputs}
    if on_grid is None or kinds == {array.dtype for array in samples[0].values()}:
        return None
    names = [spec.name for spec in engine.inputs]
    return [dict(zip(names, on_grid(_in_order(engine, s)), strict=True)) for s in samples]


def differs(card: ModelCard, reference: Answers, other: Answers) -> str:
    """How an engine's answers differ from those of ONNX Runtime beyond rounding; "" if they do not.

    Raises: WattscanError: they have other shapes.
    """
    compare(reference, other)
    limit = _FLOAT_ERROR if card.datatype == "fp32" else _INTEGER_ERROR
    errors = []
    for place in range(len(reference[0])):
        pair = [[np.asarray(one[place], float) for one in each] for each in (reference, other)]
        errors.append(relative_error(pair[0], pair[1]))
    most = max(errors)
    if most <= limit:
        return ""
    return f"its outputs are off by {most:.1%}, and at most {limit:.1%} is rounding"


@dataclass(frozen=True)
class Tuner:
    """Measures what an image of a file costs in each engine that answers as ONNX Runtime does."""

    samples: Sequence[Sample]

    def __call__(self, card: ModelCard, options: TuneOptions, say: Say) -> Tuning | None:
        """As `training.tune.Measure`."""
        with contextlib.ExitStack() as stack:
            engines: dict[str, Engine] = {}
            for name, each in opened(card, options.threads, say):
                engines[name] = stack.enter_context(each)
            found = self._answers(card, engines, say)
            is_compared = REFERENCE in found
            for name in [name for name in found if is_compared and name != REFERENCE]:
                why = differs(card, found[REFERENCE], found[name])
                if why:
                    say(f"{card.name}: without {name}, which answers otherwise: {why}")
                    del found[name]
            replays = {name: _Replay(engines[name], self.samples) for name in found}
            if not replays:
                return None
            order = np.arange(BATCH, dtype=np.float32)
            tuning = costs_in(card.name, replays, order, options, say)
            return replace(tuning, compared=is_compared)

    def _answers(
        self, card: ModelCard, engines: Mapping[str, Engine], say: Say
    ) -> dict[str, Answers]:
        found = {}
        for name, engine in engines.items():
            try:
                found[name] = answers(engine, self.samples[:COMPARED])
            except WattscanError as error:
                say(f"{card.name}: without {name}: {error}")
        return found


class _Replay:
    """An engine that computes samples by their numbers, as the tuner has images computed."""

    def __init__(self, engine: Engine, samples: Sequence[Sample]) -> None:
        self.provider, self.inputs, self.outputs = engine.provider, engine.inputs, engine.outputs
        self._run = getattr(engine, "run_real", engine.run)
        self._ready = [_in_order(engine, sample) for sample in samples]
        self.close = engine.close

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """As the engine does."""
        found: list[Array] = self._run(arrays)
        return found

    def infer(self, batch: Tensor) -> Tensor:
        """The samples of these numbers, one after the other; returns the numbers."""
        for number in batch:
            self._run(self._ready[int(number) % len(self._ready)])
        return batch


def _in_order(engine: Engine, sample: Sample) -> list[Array]:
    """By name; by place where a variant's inputs are called otherwise."""
    names = [spec.name for spec in engine.inputs]
    by_name = set(names) == set(sample)
    return [sample[name] for name in names] if by_name else list(sample.values())
