"""What a batcher lets run, one batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from wattscan.contracts import Array, Engine


class Runner(Protocol):
    """One instance of a model. One thread at a time."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Arrays of N rows in, arrays of N rows out."""
        ...


class ImageRunner:
    """A clinical model: images, float32 (N, H, W, C), in; logits out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Whatever layout and integer type the file has inside."""
        return [self._engine.infer(inputs[0])]


class TensorRunner:
    """Any other model: its own tensors."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """As the file is. Numbers may lie at any address, as x86-64 and AArch64 allow."""
        return self._engine.run([np.asarray(array, order="C") for array in inputs])
