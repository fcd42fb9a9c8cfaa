"""Bytes -> pixels: DICOM, PNG, JPEG, TIFF and raw tensors, within limits."""

from __future__ import annotations

from wattscan.contracts import LIMITS, ImageTooLarge, InvalidImage, Limits, Pixels
from wattscan.imaging import dicom, raster

__all__ = ["close", "decode"]


def close() -> None:
    """End the process that decodes what could end this one; a later `decode` starts it again."""
    dicom.close()


def decode(data: bytes, frame: int = 0, limits: Limits = LIMITS, windowed: bool = False) -> Pixels:
    """Read one image; its format shows from its first bytes.

    Args:
        data: a DICOM, PNG, JPEG or TIFF file.
        frame: which frame of a multi-frame file, from 0.
        limits: on its bytes and pixels.
        windowed: show a DICOM file through its own VOI LUT or window, where it has one.

    Returns:
        (height, width) or (height, width, 3); uint8, uint16, int16 or float32. Bright means
        bright, and the picture stands as its file says that it is to be shown.

    Raises:
        ImageTooLarge: over the limit on bytes or pixels.
        InvalidImage: not an image, truncated, of an unsupported kind, or without that frame.
    """
    if not data:
        raise InvalidImage("the image is empty: send a DICOM, PNG, JPEG or TIFF file")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"the image has {len(data)} bytes; the limit is {limits.max_bytes}")
    if dicom.recognises(data):
        return dicom.read(data, frame, limits, windowed)
    if raster.recognises(data):
        return raster.read(data, frame, limits)
    raise InvalidImage(
        "the bytes are not a DICOM, PNG, JPEG or TIFF file "
        "(for plain pixels, send a raw tensor with its shape and data type)"
    )
