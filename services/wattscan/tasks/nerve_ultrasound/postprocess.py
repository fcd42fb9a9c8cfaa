"""From the network's logits to a mask at the size of the frame."""

from __future__ import annotations

import numpy as np
from PIL import Image

from wattscan.contracts import Mask, Tensor


def mask_from_logits(logits: Tensor, source_size: tuple[int, int]) -> Mask:
    """Resize, then threshold: the outline is interpolated, not the finished mask's stairs.

    Args:
        logits: float32 (height, width, 1), before the sigmoid.
        source_size: (height, width) of the frame, in pixels.

    Returns:
        uint8 0 or 1, 1 where the probability is 0.5 or more, that is where the logit is not
        negative: the sigmoid itself need not be computed.
    """
    plane = np.ascontiguousarray(logits[:, :, 0], dtype=np.float32)
    height, width = source_size
    if plane.shape != source_size:
        resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
        plane = np.asarray(resized)
    return Mask((plane >= 0).astype(np.uint8))
