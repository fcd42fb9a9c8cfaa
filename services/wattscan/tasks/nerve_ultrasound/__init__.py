"""Nerve segmentation in B-mode ultrasound: the paper's first task (Dice of an 80 x 112 U-Net)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattscan.clinical.masks import mask_from_logits, mean_dice
from wattscan.contracts import DataSet, Mask, Normalisation, Pixels, Samples, TaskKind, Tensor
from wattscan.tasks.nerve_ultrasound.preprocess import INPUT_SIZE, network_input


class NerveUltrasound:
    """Where is the nerve in this ultrasound frame? The mask is empty where there is none."""

    name: str = "nerve-ultrasound"
    kind: TaskKind = "segmentation"
    title: str = "Nerve segmentation in ultrasound"
    input_shape: tuple[int, int, int] = (*INPUT_SIZE, 1)
    metric: str = "dice"
    findings: tuple[str, ...] = ()
    normalisation: Normalisation | None = None
    phantom_dataset: str = "nerve-ultrasound-phantom"
    windowed: bool = False

    def preprocess(self, pixels: Pixels, normalisation: Normalisation) -> Tensor:
        """One frame of any size -> float32 (80, 112, 1). Raises: InvalidImage."""
        return network_input(pixels, normalisation)

    def postprocess(self, logits: Tensor, source_size: tuple[int, int]) -> Mask:
        """Logits float32 (80, 112, 1) -> a mask of `source_size` (height, width)."""
        return mask_from_logits(logits, source_size)

    def score(self, logits: Tensor, truth: NDArray[np.uint8]) -> float:
        """Logits (N, 80, 112, 1) against masks (N, height, width) -> mean Dice, 0 to 1."""
        return mean_dice(logits, truth)

    def dataset(self, folder: Path) -> DataSet:
        """The Kaggle competition in its folder. Raises: WattscanError, naming what is missing."""
        from wattscan.tasks.nerve_ultrasound.dataset import open_folder

        return open_folder(folder)

    def phantom(self, count: int, seed: int, first: int = 0) -> Samples:
        """`count` synthetic frames, uint8 (count, 420, 580), and their masks."""
        # Not needed to serve: loaded by those who ask for a phantom.
        from wattscan.tasks.nerve_ultrasound.phantom import samples

        return samples(count, seed, first)


TASK = NerveUltrasound()
