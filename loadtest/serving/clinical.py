"""A clinical request's steps, with no server: a DICOM file in, a mask or probabilities out.

Triton's Python backend imports this too: what differs between the servers is the serving alone.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattscan import plugins
from wattscan.artifacts import CARD, load_card, model_file
from wattscan.contracts import Mask
from wattscan.imaging import decode
from wattscan.serving.allocator import keep_large_buffers

STAGES = ("decode", "preprocess", "engine", "postprocess")


class ClinicalPipeline:
    """One model in one engine. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        # As in Wattscan's server: else a large frame's buffers are faulted in anew each time, which
        # can cost half as much as all the rest, and would be taken for what serving costs.
        keep_large_buffers()
        card = load_card(folder / CARD)
        self._task = plugins.task(card.task)
        self._normalisation = card.normalisation
        # As `repository.write_target` has Wattscan's server open it.
        settings = {"provider": "cpu", "threads": 1}
        backend = plugins.backend("onnxruntime")
        self._engine = backend.open_engine(model_file(card, "onnx").path, settings)

    def run(self, data: bytes) -> tuple[NDArray[Any], tuple[float, ...]]:
        """The answer to a file, and how long each of `STAGES` took, in seconds.

        Returns:
            A mask, uint8 (height, width), or the findings' probabilities, float32.
        """
        moments = [time.perf_counter()]
        pixels = decode(data, windowed=self._task.windowed)
        moments.append(time.perf_counter())
        tensor = self._task.preprocess(pixels, self._normalisation)
        moments.append(time.perf_counter())
        logits = self._engine.infer(tensor[np.newaxis])[0]
        moments.append(time.perf_counter())
        found = self._task.postprocess(logits, (pixels.shape[0], pixels.shape[1]))
        answer: NDArray[Any] = (
            found.pixels
            if isinstance(found, Mask)
            else np.array([finding.probability for finding in found], np.float32)
        )
        moments.append(time.perf_counter())
        return answer, tuple(np.diff(moments).tolist())
