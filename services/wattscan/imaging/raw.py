"""Plain pixels with a shape and a data type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from wattscan.contracts import LIMITS, InvalidImage, Limits, Pixels


def view(
    data: bytes | memoryview,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    limits: Limits = LIMITS,
) -> Pixels:
    """The bytes as pixels, without a copy.

    Args:
        data: row by row, channels last, little endian.
        shape: (height, width) or (height, width, 3).
        dtype: uint8, uint16, int16 or float32.
        limits: on its pixels.

    Returns:
        An array of that shape; a single channel's axis is dropped.

    Raises:
        InvalidImage: the shape is wrong, does not fit the bytes, or a value is not finite.
        ImageTooLarge: over the limit on pixels.
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise InvalidImage(
            f"the raw tensor's shape has {len(shape)} dimensions"
            f"{f' and {shape[2]} channels' if len(shape) == 3 else ''}; "
            "it must be [height, width] or [height, width, 3]"
        )
    limits.check_size(shape[0], shape[1])
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise InvalidImage(
            f"the raw tensor has {len(data)} bytes; "
            f"shape {list(shape)} of {dtype.name} has {expected}"
        )
    pixels = np.frombuffer(data, dtype=dtype).reshape(shape)
    pixels.flags.writeable = False  # they are the request's
    if dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InvalidImage("the raw tensor has values that are not finite (NaN or infinity)")
    return cast(Pixels, pixels[:, :, 0] if len(shape) == 3 and shape[2] == 1 else pixels)
