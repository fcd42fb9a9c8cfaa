"""From a radiograph as the detector or the public data set gives it to what the network takes."""

from __future__ import annotations

import numpy as np

from wattscan.clinical.gray import resized_gray
from wattscan.contracts import Normalisation, Pixels, Tensor

INPUT_SIZE = (224, 224)
"""Height and width that the network takes, in pixels (the paper's)."""


def network_input(pixels: Pixels, normalisation: Normalisation) -> Tensor:
    """Gray, 224 x 224, normalised, in three equal channels.

    Args:
        pixels: (height, width) or (height, width, 3), as `clinical.gray` takes them.
        normalisation: of gray values 0..255; mean 0 and std 255 by this task's definition, which
            scales them to 0..1 (the paper's).

    Returns:
        float32 (224, 224, 3).

    Raises:
        InvalidImage: not an image's shape, empty, or not finite.
    """
    small = resized_gray(pixels, INPUT_SIZE, "a radiograph")
    plane = ((small - normalisation.mean) / normalisation.std).astype(np.float32)
    return np.repeat(plane[:, :, np.newaxis], 3, axis=2)
