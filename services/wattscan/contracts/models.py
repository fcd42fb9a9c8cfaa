"""Models, and what runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wattscan.contracts.types import Array, Datatype, Format, Tensor
from wattscan.contracts.variants import datatype_of


@dataclass(frozen=True)
class Normalisation:
    """Pixel statistics of the training set, in the units of the task's resized pixels."""

    mean: float
    std: float


@dataclass(frozen=True)
class Difference:
    """A score minus another one on the same images, with its 95 % interval."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Quality:
    """A score on a held-out set: `metric` is `dice` or `auc_roc`, `dataset` names the set.

    Of a quantized variant also `ptq`, the score of the same network when it is calibrated alone and
    not trained with rounding; of every variant but FP32 `difference`, its score - FP32's. None: the
    card does not say.
    """

    metric: str
    dataset: str
    value: float
    ptq: float | None = None
    difference: Difference | None = None


LEAST_AGREEMENT, MOST_RELATIVE_ERROR = 0.95, 0.1
"""Beyond these a variant's answers are another model's: where Dice, top-1 or AUC-ROC is below the
first, or the relative error above the second."""
OWN = "own"
"""The `kind` of a card of a model that is the user's own."""
DRAWN_INPUTS = "drawn"
"""How the name of inputs that were drawn begins."""


@dataclass(frozen=True)
class Agreement:
    """How far a variant's outputs agree with those of the variant `reference`, on `inputs`.

    `metric` is `dice`, `top_1` or `auc_roc`, where 1 is the same, or `relative_error`, where 0 is.
    """

    metric: str
    value: float
    reference: str
    inputs: str

    @property
    def is_close(self) -> bool:
        """Whether the variant may stand for the reference; NaN is not close."""
        if self.metric == "relative_error":
            return self.value <= MOST_RELATIVE_ERROR
        return self.value >= LEAST_AGREEMENT

    @property
    def is_of_drawn(self) -> bool:
        """Whether the inputs are noise that was drawn with a seed."""
        return self.inputs.startswith(DRAWN_INPUTS)


@dataclass(frozen=True)
class ModelFile:
    """One artifact. `sha256` is the hex digest of the file at `path`."""

    format: Format
    path: Path
    sha256: str


@dataclass(frozen=True)
class ModelCard:
    """One model variant: what it is, what it was trained on, how good it is, and its files.

    `precision` is the variant's name, `details` the whole card.
    """

    task: str
    precision: str
    version: str
    network: str
    normalisation: Normalisation
    quality: tuple[Quality, ...]
    files: tuple[ModelFile, ...]
    details: Mapping[str, Any]

    @property
    def is_own(self) -> bool:
        """Whether it describes a file of the user's own, which belongs to no clinical task: its
        `task` is the model's name."""
        return self.details.get("kind") == OWN

    @property
    def name(self) -> str:
        """The name on the wire, such as `brain-mri-int8`."""
        return f"{self.task}-{self.precision}"

    @property
    def datatype(self) -> Datatype:
        """The number format of its weights: as the card says, else as the variant's name begins."""
        stated: Datatype | None = self.details.get("datatype")
        return stated or datatype_of(self.precision)


@dataclass(frozen=True)
class TensorSpec:
    """A tensor that a model takes or gives. In `shape`, -1 is a dimension of any size."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Engine(Protocol):
    """A loaded model. Safe to call from one thread at a time."""

    provider: str
    """What runs it: `OpenVINOExecutionProvider`, `CPUExecutionProvider`, `XNNPACK`, ..."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """The file's own tensors, in its own layout."""

    # An engine that has `computes_in`, a set of data types, computes in those alone, and an FP16 or
    # INT8 model of another type in FP32. Without it: in FP32 and INT8.

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Run the file as it is.

        Args:
            arrays: one for each of `inputs`, of its dtype and a shape that it admits.

        Returns:
            One for each of `outputs`. They are the caller's to keep.
        """
        ...

    def infer(self, batch: Tensor) -> Tensor:
        """Run the network.

        Args:
            batch: float32 (N, H, W, C), preprocessed as the task says.

        Returns:
            Logits, float32: (N, H, W, 1) for a segmentation, (N, classes) for a classification.
        """
        ...

    def close(self) -> None:
        """Let the runtime free the model."""
        ...


class Backend(Protocol):
    """A module under `backends/`.

    Where it has `DISTRIBUTIONS`, these are the packages that may hold its engine, as pip names
    them, and the engine's version is told from them. Where it has `formats`, that tells of the
    settings which formats it reads with them, the best first; FORMAT is one of them.
    """

    FORMAT: Format

    def open_engine(self, path: Path, settings: Mapping[str, Any]) -> Engine:
        """Load the model file.

        Args:
            path: a file in the backend's FORMAT, or one of its `formats`.
            settings: the `[backend]` table of the target's TOML.

        Raises:
            WattscanError: the file is missing or corrupt, or the SDK is not installed.
        """
        ...
