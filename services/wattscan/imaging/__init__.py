"""Bytes -> pixels: DICOM, PNG, JPEG, TIFF and raw tensors, within limits."""

from __future__ import annotations

from wattscan.contracts import LIMITS, ImageTooLarge, InvalidImage, Limits, Pixels
from wattscan.imaging import raster
from wattscan.imaging.isolated import DECODER

__all__ = ["close", "decode", "prepare"]

_PREAMBLE = 128
# Files without the Part 10 preamble begin with the first element of group 0002 or 0008.
_BARE_GROUPS = (
    b"\x02\x00\x00\x00",
    *(bytes((8, 0, element, 0)) for element in (0x00, 0x01, 0x05, 0x08, 0x12, 0x16, 0x18)),
)


def prepare() -> None:
    """Import DICOM's readers, which takes a third of a second, before an image waits for it."""
    from wattscan.imaging import dicom  # noqa: F401


def close() -> None:
    """End the process that decodes what could end this one; a later `decode` starts it again."""
    DECODER.close()


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
    if _is_dicom(data):
        from wattscan.imaging import dicom

        return dicom.read(data, frame, limits, windowed)
    if raster.recognises(data):
        return raster.read(data, frame, limits)
    raise InvalidImage(
        "the bytes are not a DICOM, PNG, JPEG or TIFF file "
        "(for plain pixels, send a raw tensor with its shape and data type)"
    )


def _is_dicom(data: bytes) -> bool:
    """With or without the preamble of PS3.10."""
    return data[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or data.startswith(_BARE_GROUPS)
