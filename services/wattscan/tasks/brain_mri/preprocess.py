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
    small = np.stack([_resized(planes[:, :, k]) for k in range(planes.shape[2])], axis=-1)
    # Over one channel or over three equal ones: the same mean and deviation.
    centred = small - small.mean()
    spread = float(centred.std())
    standard = centred / spread if spread > 0 else centred
    tensor = ((standard - normalisation.mean) / normalisation.std).astype(np.float32)
    return np.repeat(tensor, 3 // tensor.shape[2], axis=2)


def _resized(plane: Pixels) -> NDArray[np.float64]:
    """(256, 256): 8 bits as Pillow resizes a picture, others in float32."""
    height, width = INPUT_SIZE
    values: NDArray[Any] = np.ascontiguousarray(plane)
    if plane.dtype != np.uint8:
        values = values.astype(np.float32)
    resized = Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float64)
