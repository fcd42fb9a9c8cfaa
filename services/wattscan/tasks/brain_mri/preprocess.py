"""From a slice as the scanner or the public data set gives it to what the network takes."""

from __future__ import annotations

from functools import cache
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
    tensor = _tensor(planes)
    # Over one channel or over three equal ones: the same mean and deviation. Both are exact to the
    # type's own rounding, since what is summed lies about zero: first roughly, then nearly.
    tensor -= _mean(tensor)
    rest = _mean(tensor)
    flat = tensor.ravel()
    spread = float(np.sqrt(max(0.0, float(np.dot(flat, flat)) / flat.size - rest * rest)))
    scale = 1 / (normalisation.std * (spread if spread > 0 else 1.0))
    tensor *= scale
    tensor -= rest * scale + normalisation.mean / normalisation.std
    # Channels lie one after the other in memory, as ONNX takes them: nothing is copied there.
    channels = tensor if len(tensor) == 3 else np.repeat(tensor, 3, axis=0)
    return channels.astype(np.float32, copy=False).transpose(1, 2, 0)


def _tensor(planes: Pixels) -> NDArray[Any]:
    """(channels, 256, 256). Whole numbers become float32, floats float64, whose squares do not
    overflow."""
    count = planes.shape[2]
    wide = planes.dtype.kind == "f"
    tensor: NDArray[Any] = np.empty((count, *INPUT_SIZE), np.float64 if wide else np.float32)
    if planes.shape[:2] == INPUT_SIZE:
        # In float32 first, as where Pillow resizes: what a picture's size is must not matter.
        tensor[...] = (planes.astype(np.float32) if wide else planes).transpose(2, 0, 1)
    else:
        for k in range(count):
            tensor[k] = _resized(planes[:, :, k])
    return tensor


def _resized(plane: Pixels) -> NDArray[Any]:
    """(256, 256): 8 bits as Pillow resizes a picture, others in float32."""
    height, width = INPUT_SIZE
    values: NDArray[Any] = np.ascontiguousarray(plane)
    if plane.dtype != np.uint8:
        values = values.astype(np.float32)
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))


def _mean(tensor: NDArray[Any]) -> float:
    """As `tensor.mean()`: each row's sum is a product with ones, which BLAS has sooner."""
    rows = tensor.reshape(-1, tensor.shape[-1])
    return float(np.add.reduce(rows @ _ones(rows.shape[1], tensor.dtype))) / tensor.size


@cache
def _ones(count: int, dtype: Any) -> NDArray[Any]:
    return np.ones(count, dtype)
