"""PNG, JPEG and TIFF, through Pillow."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from wattscan.contracts import InvalidImage, Limits, Pixels
from wattscan.imaging.frames import check_frame

# Our own limit applies, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

_FORMATS = ("PNG", "JPEG", "TIFF")
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", *_TIFF)
# Tags of TIFF 6.0 and their values.
_PHOTOMETRIC, _MIN_IS_WHITE = 262, 0
_SAMPLE_FORMAT, _SIGNED, _COMPRESSION = 339, 2, 259
# What Pillow's wheels decode: none, CCITT, LZW, JPEG, Deflate, PackBits, LZMA, Zstandard.
_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000}
# Of PNG's header (ISO/IEC 15948, 11.2.2): where it has the depth, and the kind of colour.
_DEPTH, _COLOUR, _GRAY, _RGB, _GRAY_AND_ALPHA = 24, 25, 0, 2, 4
_MOST_PAGES = 4096
_BIG = 43  # BigTIFF's version
_FRAME_HEADERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Of a bilevel or 8-bit image Pillow inverts MinIsWhite itself.
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")


def recognises(data: bytes) -> bool:
    """Whether the first bytes are those of a format that is read here."""
    return data.startswith(_MAGIC)


def read(data: bytes, frame: int, limits: Limits) -> Pixels:
    """Decode one frame, as `imaging.decode` says. Raises: InvalidImage, ImageTooLarge."""
    if data.startswith(b"MM\x00+"):
        raise InvalidImage("the file is a big-endian BigTIFF, which is not read")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            limits.check_size(image.height, image.width)
            _seek(image, frame, data)
            limits.check_size(image.height, image.width)
            tags = getattr(image, "tag_v2", {})
            if image.format == "TIFF":
                _check_tiff(tags, data.startswith(b"MM"), limits)
            white_is_low = tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE
            signed = tags.get(_SAMPLE_FORMAT) in (_SIGNED, (_SIGNED,))
            gray = image.format == "PNG" and _put_png_right(image, data)
            # Before anything else: it would lose the tags that say how pixels are stored.
            return _pixels(ImageOps.exif_transpose(image), white_is_low, signed, gray)
    except InvalidImage:
        raise
    except UnidentifiedImageError:
        raise InvalidImage(_not_identified(data)) from None
    except Exception:
        # Pillow's plug-ins raise whatever a broken file leads them into; its text may quote the
        # file, so none of it is passed on.
        raise InvalidImage("the PNG, JPEG or TIFF file is truncated or corrupt") from None


def _put_png_right(image: Image.Image, data: bytes) -> bool:
    """Whether it is gray with alpha, which Pillow makes RGBA of where it has 16 bits.

    Raises: InvalidImage.
    """
    if data[12:16] != b"IHDR":
        raise InvalidImage("the PNG file does not begin with its header")
    depth, colour = data[_DEPTH], data[_COLOUR]
    transparent = image.info.get("transparency")
    if colour == _RGB and depth == 16 and transparent is not None:
        raise InvalidImage(
            "the PNG file has colours of 16 bits of which one is transparent (tRNS): it is not read"
        )
    if colour == _GRAY and depth in (2, 4, 8) and isinstance(transparent, int):
        # Pillow widens the grays to 8 bits, and leaves this one as it is. Its lower bits count.
        most = 2**depth - 1
        image.info["transparency"] = (transparent & most) * 255 // most
    return colour == _GRAY_AND_ALPHA


def _seek(image: Image.Image, frame: int, data: bytes) -> None:
    """Go to a page. How many there are is counted only where that one is missing: each costs."""
    if frame > _MOST_PAGES:
        raise InvalidImage(f"frame {frame} was asked for; the first {_MOST_PAGES} are read")
    try:
        image.seek(frame)
    except EOFError:
        # Opened again: the one that went too far counts one more.
        with Image.open(io.BytesIO(data), formats=_FORMATS) as again:
            check_frame(frame, getattr(again, "n_frames", 1))
        raise


def _check_tiff(tags: Mapping[int, Any], big: bool, limits: Limits) -> None:
    """Refuse what Pillow would read otherwise than the file says, or into too much memory."""
    bits, sample = _first(tags, 258, 1), _first(tags, _SAMPLE_FORMAT, 1)
    compression = _first(tags, _COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise InvalidImage(f"the TIFF file has compression {compression}, which is not read")
    compressed = compression not in (1, 32773)
    if bits == 8 and sample == _SIGNED:
        raise InvalidImage("the TIFF file has signed samples of 8 bits, which are not read")
    if big and compressed and bits > 8 and not (bits == 16 and sample == 1):
        raise InvalidImage(
            f"the TIFF file is big-endian and compressed, with samples of {bits} bits that are not "
            "unsigned 16-bit: it is not read"
        )
    if bits == 16 and _first(tags, 277, 1) > 1 and _first(tags, 284, 1) == 2:
        raise InvalidImage("the TIFF file has colours of 16 bits in planes, which are not read")
    if _first(tags, 322, 0):
        limits.check_size(_first(tags, 323, 1), _first(tags, 322, 1))


def _first(tags: Mapping[int, Any], tag: int, default: int) -> int:
    value = tags.get(tag, default)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else default


def _not_identified(data: bytes) -> str:
    """What the file is, where it is whole and Pillow does not read its kind."""
    with suppress(Exception):
        if data.startswith(_TIFF):
            return _tiff_kind(data)
        if data.startswith(b"\xff\xd8") and (bits := _jpeg_bits(data)) != 8:
            return f"the JPEG file has {bits} bits a sample: only 8 are read, outside of DICOM"
    return "the PNG, JPEG or TIFF file has a broken header"


def _tiff_kind(data: bytes) -> str:
    header = data[: 16 if data[2] == _BIG or data[3] == _BIG else 8]
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    stream = io.BytesIO(data)
    stream.seek(tags.next)
    tags.load(stream)
    names = {"bits a sample": 258, "photometric interpretation": _PHOTOMETRIC}
    names |= {"sample format": _SAMPLE_FORMAT, "samples a pixel": 277, "compression": _COMPRESSION}
    # Whole numbers alone: a text could be anything.
    told = ", ".join(f"{name} {_first(tags, tag, 0)}" for name, tag in names.items() if tag in tags)
    if not told:
        raise InvalidImage("the TIFF file has no tags: it is truncated or corrupt")
    order = "big-endian" if data.startswith(b"MM") else "little-endian"
    return f"the TIFF file is of a kind that is not read: {order}, {told}"


def _jpeg_bits(data: bytes) -> int:
    """Of its frame header (ITU-T T.81, B.2.2)."""
    at = 2
    while data[at + 1] not in _FRAME_HEADERS:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[at + 4]


def _pixels(image: Image.Image, white_is_low: bool, signed: bool, gray: bool) -> Pixels:
    if image.mode in _WIDE_MODES:
        return _wide(image, white_is_low, signed)
    gray = gray or image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        # What is not there is dark, as padding is.
        black = Image.new("RGBA", image.size, "black")
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return cast(Pixels, np.asarray(image.convert("L" if gray else "RGB")))


def _wide(image: Image.Image, white_is_low: bool, signed: bool) -> Pixels:
    """More than 8 bits of gray, in the type that the file has."""
    values: NDArray[Any] = np.asarray(image)
    if image.mode == "F":
        values = values.astype(np.float32)
        return cast(Pixels, -values if white_is_low else values)
    if image.mode == "I" and not signed and values.min() < 0:
        values = values.view(np.uint32)  # Pillow shows these 32 bits as signed
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        values = np.where(values == transparent, 0, values)
    wide = values.astype(np.int64)
    for dtype in (np.uint16, np.int16, np.uint32, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= wide.min() and wide.max() <= limits.max:
            break
    if white_is_low:
        wide = limits.max + limits.min - wide
    return cast(Pixels, wide.astype(dtype if limits.bits == 16 else np.float32))
