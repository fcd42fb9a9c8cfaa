"""A model version that is ready to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wattscan.contracts import (
    Datatype,
    Engine,
    ModelCard,
    ModelFile,
    Quality,
    Task,
    TensorSpec,
    datatype_of,
    split_name,
)
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.statistics import Statistics


@dataclass(frozen=True)
class Clinical:
    """What makes a model one of the tasks'."""

    task: Task
    card: ModelCard


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """One version of a model, with its engines and its queue.

    `inputs` and `outputs` are the tensors that it takes and gives on the wire. `batched`: their
    first axis counts images, and requests may be put together along it.
    """

    name: str
    version: int
    config: ModelConfig
    backend: str
    file: ModelFile
    clinical: Clinical | None
    engines: Sequence[Engine]
    batcher: Batcher
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batched: bool
    engine_version: str = ""
    threads: int = 1
    """Of one engine."""
    engine_reason: str = ""
    """Why it is not in the engine that was asked for, or what that engine loses."""
    untuned: bool = False
    """Its engine may be chosen by what it costs, and nobody has measured that here."""
    scores: tuple[Quality, ...] = ()
    """Of the card of a model that is the user's own."""
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def labels(self) -> tuple[str, str]:
        """The `task` and `precision` labels of its metrics. A plain model's task is its name, or
        what stands before the variant in it: `lesion-int8` is the INT8 of `lesion`."""
        if self.clinical is not None:
            return self.clinical.card.task, self.clinical.card.precision
        model, variant = split_name(self.name)
        if self.config.precision not in ("", variant):
            return self.name, self.config.precision
        return model, variant

    @property
    def quality(self) -> tuple[Quality, ...]:
        """Its scores: a card's, and those of a plain model's model.toml."""
        if self.clinical is not None:
            return self.clinical.card.quality
        return (*self.scores, *self.config.quality)

    @property
    def datatype(self) -> Datatype:
        """The number format of its weights."""
        if self.clinical is not None:
            return self.clinical.card.datatype
        return datatype_of(self.labels[1])

    @property
    def computed_in(self) -> str:
        """`fp32` where its engine widens it to that, else its data type; "" where that is not
        told."""
        if not self.labels[1]:
            return ""
        computes_in = getattr(self.engines[0], "computes_in", ("fp32", "int8"))
        return self.datatype if self.datatype in computes_in else "fp32"

    @property
    def provider(self) -> str:
        """What runs it."""
        return self.engines[0].provider

    def close(self) -> None:
        """Free the engines, as soon as none of them computes."""
        self.batcher.close(self._free)

    def _free(self) -> None:
        for engine in self.engines:
            engine.close()
