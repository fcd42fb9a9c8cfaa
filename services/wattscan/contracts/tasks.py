"""Clinical tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts.models import Normalisation
from wattscan.contracts.types import Pixels, TaskKind, Tensor


@dataclass(frozen=True)
class Mask:
    """A segmentation at the size of the image it came from: uint8 (height, width), 0 or 1."""

    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Finding:
    """One finding of a classification and its probability, 0 to 1."""

    name: str
    probability: float


@dataclass(frozen=True)
class Samples:
    """A labelled set: images uint8 (N, height, width[, 3]); truth uint8 masks (N, height, width),
    0 or 1, or findings (N, classes), 0 or 1."""

    images: NDArray[np.uint8]
    truth: NDArray[np.uint8]


class DataSet(Protocol):
    """A public data set in the folder that it was downloaded to. Images are read when asked for."""

    name: str
    patients: Sequence[str]
    """Whose each image is, one entry an image: a patient's images stay on one side of a split."""

    files: Sequence[Path]
    """Everything that it is read from: another file, size or time is another set."""

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image uint8 (height, width[, 3]) and its truth, as in `Samples`.

        Raises:
            WattscanError: the file cannot be read, naming it.
        """
        ...


@runtime_checkable
class Task(Protocol):
    """The `TASK` object of a package under `tasks/`."""

    name: str
    kind: TaskKind
    title: str
    input_shape: tuple[int, int, int]
    metric: str
    findings: tuple[str, ...]
    normalisation: Normalisation | None
    """What the preprocessing prescribes; None: the training set's own statistics."""
    phantom_dataset: str
    windowed: bool
    """Whether a DICOM image is shown through its file's own window (docs/models.md)."""

    def preprocess(self, pixels: Pixels, normalisation: Normalisation) -> Tensor:
        """One image of any size -> float32 (H, W, C)."""
        ...

    def postprocess(
        self, logits: Tensor, source_size: tuple[int, int]
    ) -> Mask | tuple[Finding, ...]:
        """The logits of one image -> a mask of `source_size` (height, width), or findings."""
        ...

    def score(self, logits: Tensor, truth: NDArray[np.uint8]) -> float:
        """Logits of N images against N truths -> the task's metric, 0 to 1."""
        ...

    def dataset(self, folder: Path) -> DataSet:
        """The task's public data set. Raises: WattscanError, naming what the folder lacks."""
        ...

    def phantom(self, count: int, seed: int, first: int = 0) -> Samples:
        """`count` images from number `first` on of a synthetic labelled set, the same for the same
        seed."""
        ...
