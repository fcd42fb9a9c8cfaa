"""From a frame as the scanner gives it to what the network takes."""

from __future__ import annotations

import numpy as np

from wattscan.clinical.gray import resized_gray
from wattscan.contracts import Normalisation, Pixels, Tensor

INPUT_SIZE = (80, 112)
"""Height and width that the network takes, in pixels (the paper's)."""


def network_input(pixels: Pixels, normalisation: Normalisation) -> Tensor:
    """Gray, 0..255, 80 x 112, normalised.

    Args:
        pixels: (height, width) or (height, width, 3), as `clinical.gray` takes them.
        normalisation: statistics of the training set's resized pixels, in 0..255.

    Returns:
        float32 (80, 112, 1).

    Raises:
        InvalidImage: not an image's shape, empty, or not finite.
    """
    small = resized_gray(pixels, INPUT_SIZE, "an ultrasound frame")
    tensor = ((small - normalisation.mean) / normalisation.std).astype(np.float32)
    return tensor[:, :, np.newaxis]
