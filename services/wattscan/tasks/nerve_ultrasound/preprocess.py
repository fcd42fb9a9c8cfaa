"""From a frame as the scanner gives it to what the network takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wattscan.contracts import InvalidImage, Normalisation, Pixels, Tensor

INPUT_SIZE = (80, 112)
"""Height and width that the network takes, in pixels (the paper's)."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601 weights of red, green and blue."""


def network_input(pixels: Pixels, normalisation: Normalisation) -> Tensor:
    """Gray, 0..255, 80 x 112, normalised.

    Args:
        pixels: (height, width) or (height, width, 3). uint8 is taken as it is; any other type is
            stretched from its own min..max to 0..255, since its intensity scale is not known.
        normalisation: statistics of the training set's resized pixels, in 0..255.

    Returns:
        float32 (80, 112, 1).

    Raises:
        InvalidImage: not an image's shape, empty, or not finite.
    """
    gray = _gray(pixels)
    height, width = INPUT_SIZE
    small = Image.fromarray(gray).resize((width, height), Image.Resampling.BILINEAR)
    tensor = np.asarray(small, np.float32)
    tensor = (tensor - np.float32(normalisation.mean)) / np.float32(normalisation.std)
    return tensor[:, :, np.newaxis]


def _gray(pixels: Pixels) -> NDArray[Any]:
    """(height, width) in 0..255: uint8 where the source is gray uint8, else float32."""
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3)):
        raise InvalidImage(f"an ultrasound frame is (height, width[, 3]), not {pixels.shape}")
    if pixels.size == 0:
        raise InvalidImage("the image has no pixels")
    gray: NDArray[Any] = pixels
    if pixels.ndim == 3:
        gray = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels.astype(np.float32) @ _LUMINANCE
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(gray)
    return _stretched(gray.astype(np.float32))


def _stretched(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(gray.min()), float(gray.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise InvalidImage("the image holds values that are not finite")
    if high == low:
        return np.zeros_like(gray)
    # Halved first: the full float32 range would overflow.
    above = gray * np.float32(0.5) - np.float32(low / 2)
    return above * np.float32(255.0 / (high / 2 - low / 2))
