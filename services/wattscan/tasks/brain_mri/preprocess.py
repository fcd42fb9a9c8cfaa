"""From a slice as the scanner or the public data set gives it to what the network takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wattscan.clinical.gray import check_image
from wattscan.contracts import Normalisation, Pixels, Tensor

INPUT_SIZE = (256, 256)
"""Height and width that the network takes, in pixels (the paper's)."""


def network_input(pixels: Pixels, normalisation: Normalisation) -> Tensor:
    """256 x 256 x 3, of zero mean and unit standard deviation over the whole image (the paper's).

    Args:
        pixels: (height, width, 3): pre-contrast, FLAIR, post-contrast; (height, width): one
            sequence, taken for all three. Any intensity scale: it is normalised away.
        normalisation: applied after the image's own; mean 0 and std 1 by this task's definition.

    Returns:
        float32 (256, 256, 3); all zero for an image of one value.

    Raises:
        InvalidImage: not an image's shape, empty, or not finite.
    """
    check_image(pixels, "a brain slice")
    planes = pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
    tensor = np.stack([_resized(planes[:, :, k]) for k in range(planes.shape[2])])
    # Over one channel or over three equal ones: the same mean and deviation.
    tensor -= tensor.mean(dtype=np.float64)
    flat = tensor.ravel()
    spread = float(np.sqrt(np.dot(flat, flat) / flat.size))
    tensor *= 1 / (normalisation.std * (spread if spread > 0 else 1.0))
    tensor -= normalisation.mean / normalisation.std
    # Channels lie one after the other in memory, as ONNX takes them: nothing is copied there.
    channels = tensor if len(tensor) == 3 else np.repeat(tensor, 3, axis=0)
    return channels.astype(np.float32, copy=False).transpose(1, 2, 0)


def _resized(plane: Pixels) -> NDArray[Any]:
    """(256, 256): 8 bits as Pillow resizes a picture, others in float32. Whole numbers become
    float32, floats float64, whose squares do not overflow."""
    height, width = INPUT_SIZE
    values: NDArray[Any] = np.ascontiguousarray(plane)
    if plane.dtype != np.uint8:
        values = values.astype(np.float32)
    if values.shape != INPUT_SIZE:
        resized = Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR)
        values = np.asarray(resized)
    return values.astype(np.float64 if plane.dtype.kind == "f" else np.float32)
