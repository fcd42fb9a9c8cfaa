"""Gray values of an image of any type, at a network's size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wattscan.contracts import InvalidImage, Pixels

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601 weights of red, green and blue."""


def check_image(pixels: Pixels, what: str) -> None:
    """Raise InvalidImage unless it is (height, width[, 1 or 3]), not empty, and finite."""
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3)):
        raise InvalidImage(f"{what} is (height, width[, 3]), not {pixels.shape}")
    if pixels.size == 0:
        raise InvalidImage("the image has no pixels")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InvalidImage("the image holds values that are not finite")


def resized_gray(pixels: Pixels, size: tuple[int, int], what: str) -> NDArray[np.float64]:
    """Gray, 0..255, at `size`.

    Args:
        pixels: (height, width) or (height, width, 3). uint8 is taken as it is; any other type is
            stretched from its own min..max to 0..255, since its intensity scale is not known.
        size: (height, width) to resize to, bilinear with antialiasing.
        what: the image's name in an error, such as `an ultrasound frame`.

    Returns:
        float64 `size`.

    Raises:
        InvalidImage: not an image's shape, empty, or not finite.
    """
    check_image(pixels, what)
    gray = _gray(pixels)
    height, width = size
    resized = Image.fromarray(gray).resize((width, height), Image.Resampling.BILINEAR)
    small = np.asarray(resized, np.float64)
    if pixels.dtype != np.uint8:
        small = _stretched(small, float(gray.min()), float(gray.max()))
    return small


def _gray(pixels: Pixels) -> NDArray[Any]:
    """(height, width): uint8 where the source is uint8, else float32."""
    gray: NDArray[Any] = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    if gray.dtype == np.uint8:
        # Pillow's own conversion, by the weights above, needs a byte a pixel and not sixteen.
        image = Image.fromarray(np.ascontiguousarray(gray))
        return np.asarray(image.convert("L") if gray.ndim == 3 else image)
    single = gray.astype(np.float32)
    return single @ _LUMINANCE if single.ndim == 3 else single


def _stretched(small: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """[low, high] to 0..255, in float64: float32 would overflow on its own extremes."""
    if high == low:
        return np.zeros_like(small)
    return (small - low) * (255.0 / (high - low))
