"""The held-out set that a card's score was taken on, made again from the card alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import Engine, Normalisation, Task, Tensor, WattscanError


@dataclass(frozen=True)
class HeldOut:
    """Preprocessed images float32 (N, H, W, C), and the truth at the source's size."""

    inputs: Tensor
    truth: NDArray[np.uint8]


def load(task: Task, data: Mapping[str, Any], normalisation: Normalisation) -> HeldOut:
    """The set that the card's `data` table names.

    Args:
        task: makes the phantom.
        data: `test_count` and `test_seed`.
        normalisation: the model's.

    Raises:
        WattscanError: the table does not say which set.
    """
    try:
        count, seed = int(data["test_count"]), int(data["test_seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise WattscanError(f"the card does not say which held-out set it means: {error}") from None
    samples = task.phantom(count, seed)
    inputs = np.stack([task.preprocess(image, normalisation) for image in samples.images])
    return HeldOut(inputs, samples.truth)


def logits_of(engine: Engine, inputs: Tensor) -> Tensor:
    """Every image's logits, one image at a time: an engine may be built for a batch of one."""
    return np.concatenate([engine.infer(inputs[i : i + 1]) for i in range(len(inputs))])
