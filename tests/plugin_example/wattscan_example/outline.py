"""A task: the outline of a nerve instead of its area, from the shipped network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import (
    DataSet,
    Mask,
    Normalisation,
    Pixels,
    Samples,
    TaskKind,
    Tensor,
    WattscanError,
)
from wattscan.plugins import task


class NerveOutline:
    """Everything but the last step is the task nerve-ultrasound's."""

    name: str = "nerve-outline"
    kind: TaskKind = "segmentation"
    title: str = "Outline of the nerve in ultrasound"
    input_shape: tuple[int, int, int] = (80, 112, 1)
    metric: str = "dice"
    findings: tuple[str, ...] = ()
    normalisation: Normalisation | None = None
    phantom_dataset: str = "nerve-outline-phantom"
    windowed: bool = False

    def preprocess(self, pixels: Pixels, normalisation: Normalisation) -> Tensor:
        """One frame of any size -> float32 (80, 112, 1)."""
        return task("nerve-ultrasound").preprocess(pixels, normalisation)

    def postprocess(self, logits: Tensor, source_size: tuple[int, int]) -> Mask:
        """The pixels of the area that touch its outside, and those one further in."""
        area = task("nerve-ultrasound").postprocess(logits, source_size)
        assert isinstance(area, Mask)
        return Mask(outline(area.pixels))

    def score(self, logits: Tensor, truth: NDArray[np.uint8]) -> float:
        """The area's Dice."""
        return task("nerve-ultrasound").score(logits, truth)

    def dataset(self, folder: Path) -> DataSet:
        """There is none."""
        raise WattscanError(f"nerve-outline has no data set of its own, in {folder} or elsewhere")

    def phantom(self, count: int, seed: int, first: int = 0) -> Samples:
        """The other task's frames and areas."""
        return task("nerve-ultrasound").phantom(count, seed, first)


def outline(area: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (height, width), 1 on the edge of what is 1 in `area`."""
    padded = np.pad(area, 1)
    inside = np.minimum.reduce(
        [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
    )
    edge: NDArray[np.uint8] = area & (1 - inside)
    return edge


TASK = NerveOutline()
