"""A model version that is ready to answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from wattscan.contracts import Engine, ModelCard, ModelFile, Task, TensorSpec
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
    statistics: Statistics = field(default_factory=Statistics)
    loaded_at: float = field(default_factory=time.time)

    @property
    def labels(self) -> tuple[str, str]:
        """The `task` and `precision` labels of its metrics. A plain model's task is its name."""
        if self.clinical is not None:
            return self.clinical.card.task, self.clinical.card.precision
        return self.name, self.config.precision

    @property
    def computed_in(self) -> str:
        """Its precision; fp32 where that is int8 and the engine computes it in floating point."""
        precision = self.labels[1]
        whole = getattr(self.engines[0], "computes_integers", True)
        return "fp32" if precision == "int8" and not whole else precision

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
