"""From a segmentation network's logits to a mask at the size of the image, and its Dice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wattscan.contracts import Mask, Tensor

SMOOTH = 1.0
"""Added above and below, in pixels (the paper's): an empty mask found empty scores 1."""


def mask_from_logits(logits: Tensor, source_size: tuple[int, int]) -> Mask:
    """Resize, then threshold: the outline is interpolated, not the finished mask's stairs.

    Args:
        logits: float32 (height, width, 1), before the sigmoid.
        source_size: (height, width) of the image, in pixels.

    Returns:
        uint8 0 or 1, 1 where the probability is 0.5 or more, that is where the logit is not
        negative: the sigmoid itself need not be computed.
    """
    plane = np.ascontiguousarray(logits[:, :, 0], dtype=np.float32)
    height, width = source_size
    if plane.shape != source_size:
        resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
        plane = np.asarray(resized)
    return Mask((plane >= 0).view(np.uint8))


def dice(predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Dice of two masks of 0 and 1 of one shape: (2 |A and B| + 1) / (|A| + |B| + 1)."""
    overlap = np.count_nonzero(predicted & truth)
    total = np.count_nonzero(predicted) + np.count_nonzero(truth)
    return (2.0 * overlap + SMOOTH) / (total + SMOOTH)


def mean_dice(logits: Tensor, truth: NDArray[np.uint8]) -> float:
    """Dice per image, at the truth's size and of the thresholded mask; the mean over the images.

    Args:
        logits: float32 (N, h, w, 1), of any size.
        truth: uint8 (N, height, width), 0 or 1; N at least 1.

    Raises:
        ValueError: no images, or not as many logits as truths.
    """
    if len(logits) != len(truth) or not len(truth):
        raise ValueError(f"{len(logits)} logits cannot be scored against {len(truth)} masks")
    size = (truth.shape[1], truth.shape[2])
    return float(
        np.mean(
            [
                dice(mask_from_logits(one, size).pixels, mask)
                for one, mask in zip(logits, truth, strict=True)
            ]
        )
    )
