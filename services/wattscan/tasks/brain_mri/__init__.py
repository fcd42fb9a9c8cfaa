"""Tumour segmentation in brain MRI: the paper's second task (Dice of a residual U-Net)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattscan.clinical.masks import mask_from_logits, mean_dice
from wattscan.contracts import DataSet, Mask, Normalisation, Pixels, Samples, TaskKind, Tensor
from wattscan.tasks.brain_mri.preprocess import INPUT_SIZE, network_input


class BrainMRI:
    """Where is the FLAIR abnormality of a low-grade glioma in this axial slice?"""

    name: str = "brain-mri"
    kind: TaskKind = "segmentation"
    title: str = "Tumour segmentation in brain MRI"
    input_shape: tuple[int, int, int] = (*INPUT_SIZE, 3)
    metric: str = "dice"
    findings: tuple[str, ...] = ()
    normalisation: Normalisation | None = Normalisation(mean=0.0, std=1.0)
    phantom_dataset: str = "brain-mri-phantom"
    windowed: bool = False

    def preprocess(self, pixels: Pixels, normalisation: Normalisation) -> Tensor:
        """One slice of any size -> float32 (256, 256, 3). Raises: InvalidImage."""
        return network_input(pixels, normalisation)

    def postprocess(self, logits: Tensor, source_size: tuple[int, int]) -> Mask:
        """Logits float32 (256, 256, 1) -> a mask of `source_size` (height, width)."""
        return mask_from_logits(logits, source_size)

    def score(self, logits: Tensor, truth: NDArray[np.uint8]) -> float:
        """Logits (N, 256, 256, 1) against masks (N, height, width) -> mean Dice, 0 to 1."""
        return mean_dice(logits, truth)

    def dataset(self, folder: Path) -> DataSet:
        """The LGG set in its folder. Raises: WattscanError, naming what is missing."""
        from wattscan.tasks.brain_mri.dataset import open_folder

        return open_folder(folder)

    def phantom(self, count: int, seed: int, first: int = 0) -> Samples:
        """`count` synthetic slices, uint8 (count, 256, 256, 3), and their masks."""
        # Not needed to serve: loaded by those who ask for a phantom.
        from wattscan.tasks.brain_mri.phantom import samples

        return samples(count, seed, first)


TASK = BrainMRI()
