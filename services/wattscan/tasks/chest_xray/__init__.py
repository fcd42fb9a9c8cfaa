"""Findings in chest radiographs: the paper's third task (mean AUC-ROC over 14 findings)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattscan.clinical.auc import mean_auc_roc
from wattscan.contracts import DataSet, Finding, Normalisation, Pixels, Samples, TaskKind, Tensor
from wattscan.tasks.chest_xray.findings import FINDINGS
from wattscan.tasks.chest_xray.preprocess import INPUT_SIZE, network_input


class ChestXray:
    """Which of the 14 findings of NIH ChestX-ray14 does this frontal radiograph show?"""

    name: str = "chest-xray"
    kind: TaskKind = "classification"
    title: str = "Findings in chest radiographs"
    input_shape: tuple[int, int, int] = (*INPUT_SIZE, 3)
    metric: str = "auc_roc"
    findings: tuple[str, ...] = FINDINGS
    normalisation: Normalisation | None = Normalisation(mean=0.0, std=255.0)
    phantom_dataset: str = "chest-xray-phantom"
    windowed: bool = True

    def preprocess(self, pixels: Pixels, normalisation: Normalisation) -> Tensor:
        """One radiograph of any size -> float32 (224, 224, 3). Raises: InvalidImage."""
        return network_input(pixels, normalisation)

    def postprocess(self, logits: Tensor, source_size: tuple[int, int]) -> tuple[Finding, ...]:  # noqa: ARG002
        """Logits float32 (14,) -> each finding's probability, in the order of `findings`."""
        # By tanh: exp overflows where a network is sure of an absence.
        probabilities = 0.5 + 0.5 * np.tanh(0.5 * logits.astype(np.float64))
        return tuple(
            Finding(name, float(p)) for name, p in zip(self.findings, probabilities, strict=True)
        )

    def score(self, logits: Tensor, truth: NDArray[np.uint8]) -> float:
        """Logits (N, 14) against findings (N, 14) -> the mean AUC-ROC, 0 to 1."""
        return mean_auc_roc(logits, truth)

    def dataset(self, folder: Path) -> DataSet:
        """NIH ChestX-ray14 in its folder. Raises: WattscanError, naming what is missing."""
        from wattscan.tasks.chest_xray.dataset import open_folder

        return open_folder(folder)

    def phantom(self, count: int, seed: int, first: int = 0) -> Samples:
        """`count` synthetic radiographs, uint8 (count, 512, 512), and their findings."""
        # Not needed to serve: loaded by those who ask for a phantom.
        from wattscan.tasks.chest_xray.phantom import samples

        return samples(count, seed, first)


TASK = ChestXray()
