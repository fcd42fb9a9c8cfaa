"""PNG, JPEG and TIFF, through Pillow."""

from __future__ import annotations

import io
from typing import cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from wattscan.contracts import InvalidImage, Limits, Pixels
from wattscan.imaging.frames import check_frame

# Our own limit applies, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

_FORMATS = ("PNG", "JPEG", "TIFF")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*")
_GRAY_MODES = {"L": np.uint8, "I;16": np.uint16, "F": np.float32}


def recognises(data: bytes) -> bool:
    """Whether the first bytes are those of a format that is read here."""
    return data.startswith(_MAGIC)


def read(data: bytes, frame: int, limits: Limits) -> Pixels:
    """Decode one frame, as `imaging.decode` says. Raises: InvalidImage, ImageTooLarge."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            limits.check_size(image.height, image.width)
            check_frame(frame, getattr(image, "n_frames", 1))
            image.seek(frame)
            limits.check_size(image.height, image.width)
            return _pixels(image)
    except InvalidImage:
        raise
    except UnidentifiedImageError:
        raise InvalidImage("the PNG, JPEG or TIFF file has a broken header") from None
    except Exception:
        # Pillow's plug-ins raise whatever a broken file leads them into; its text may quote the
        # file, so none of it is passed on.
        raise InvalidImage("the PNG, JPEG or TIFF file is truncated or corrupt") from None


def _pixels(image: Image.Image) -> Pixels:
    if image.mode == "I":
        # Pillow widens some 16-bit files to 32 bits.
        wide = np.asarray(image)
        return cast(
            Pixels, wide.astype(np.uint16) if _fits_uint16(wide) else wide.astype(np.float32)
        )
    if image.mode in _GRAY_MODES:
        return cast(Pixels, np.asarray(image, dtype=_GRAY_MODES[image.mode]))
    if image.mode in ("1", "LA"):
        return cast(Pixels, np.asarray(image.convert("L")))
    return cast(Pixels, np.asarray(image.convert("RGB")))


def _fits_uint16(values: np.ndarray) -> bool:
    return bool(values.min() >= 0 and values.max() <= np.iinfo(np.uint16).max)
