"""DICOM, through pydicom. Only pixels leave this module: no header value is logged or quoted."""

from __future__ import annotations

import io
import logging
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
import pydicom
from PIL import Image, UnidentifiedImageError
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from wattscan.contracts import InvalidImage, Limits, Pixels
from wattscan.imaging import deflate
from wattscan.imaging.frames import check_frame
from wattscan.imaging.isolated import Decoder

# pydicom logs the values of headers that it does not like, patients' names among them.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

_PREAMBLE = 128
_TRUNCATED = "the DICOM file is truncated or corrupt"
# Files without the Part 10 preamble begin with an element of group 0002 or 0008.
_BARE_GROUPS = (b"\x02\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x08\x00\x16\x00")

# Left to choose, pydicom takes GDCM first, which can end the process on a corrupt frame.
_PLUGINS = {
    UID("1.2.840.10008.1.2.4.50"): "pillow",  # JPEG baseline
    UID("1.2.840.10008.1.2.4.51"): "pillow",  # JPEG extended
    UID("1.2.840.10008.1.2.4.90"): "pillow",  # JPEG 2000 lossless
    UID("1.2.840.10008.1.2.4.91"): "pillow",  # JPEG 2000
    UID("1.2.840.10008.1.2.5"): "pydicom",  # RLE
}
# Of these Pillow refuses colours of more than 8 bits, and sloppy streams that GDCM reads.
_IN_PART = (UID("1.2.840.10008.1.2.4.90"), UID("1.2.840.10008.1.2.4.91"))
# All other compressed pixels: JPEG lossless and JPEG-LS, and whatever pydicom learns to decode.
_isolated = Decoder()
close = _isolated.close


def recognises(data: bytes) -> bool:
    """Whether the bytes are a DICOM file, with or without the preamble of PS3.10."""
    return data[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or data.startswith(_BARE_GROUPS)


def read(data: bytes, frame: int, limits: Limits) -> Pixels:
    """Decode one frame, as `imaging.decode` says.

    Modality rescaling is linear and the tasks normalise, so stored values are returned as they
    are, with MONOCHROME1 inverted: bright means bright.

    Raises: InvalidImage, ImageTooLarge.
    """
    deflate.check(data, limits)
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    except Exception:
        raise InvalidImage(_TRUNCATED) from None
    _check(dataset, frame, limits)
    try:
        _check_codestream(dataset, frame)
        return _pixels(dataset, _stored(dataset, data, frame, limits))
    except InvalidImage:
        raise
    except Exception:
        raise InvalidImage(_unreadable(dataset)) from None


def _check(dataset: pydicom.Dataset, frame: int, limits: Limits) -> None:
    try:
        has_pixels = "PixelData" in dataset
        rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
        frames = max(1, int(dataset.get("NumberOfFrames") or 1))
    except Exception:
        raise InvalidImage(_TRUNCATED) from None
    if not has_pixels:
        raise InvalidImage("the DICOM file has no pixel data: it is truncated, or not an image")
    limits.check_size(rows, columns)
    check_frame(frame, frames)


def _check_codestream(dataset: pydicom.Dataset, frame: int) -> None:
    """Refuse a compressed frame that says another size than the header, before it is decoded."""
    if not getattr(dataset.file_meta, "TransferSyntaxUID", UID("")).is_encapsulated:
        return
    frames = int(dataset.get("NumberOfFrames") or 1)
    stream = get_frame(dataset.PixelData, frame, number_of_frames=frames)
    try:
        size = Image.open(io.BytesIO(stream), formats=("JPEG", "JPEG2000")).size
    except UnidentifiedImageError:
        return  # RLE has no size of its own; JPEG-LS is left to its decoder
    if size != (dataset.Columns, dataset.Rows):
        raise InvalidImage("the DICOM file's compressed frame is not of the size its header says")


def _stored(
    dataset: pydicom.Dataset, data: bytes, frame: int, limits: Limits
) -> np.ndarray[Any, Any]:
    if not hasattr(dataset.file_meta, "TransferSyntaxUID"):
        dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2")
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _PLUGINS or not _has_decoder(syntax):
        try:
            return pixel_array(dataset, index=frame, decoding_plugin=_PLUGINS.get(syntax, ""))
        except Exception:
            if syntax not in _IN_PART or find_spec("gdcm") is None:
                raise
    return _isolated.decode(data, frame, limits)


def _has_decoder(syntax: UID) -> bool:
    """Whether pydicom finds a decoder for the compressed syntax here; False for plain pixels."""
    try:
        return syntax.is_encapsulated and get_decoder(syntax).is_available
    except (NotImplementedError, ValueError):  # a syntax that pydicom, or the standard, has not
        return False


def _pixels(dataset: pydicom.Dataset, stored: np.ndarray[Any, Any]) -> Pixels:
    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if photometric == "PALETTE COLOR":
        return _eight_bits(apply_color_lut(stored, dataset))
    if photometric.startswith("YBR") and stored.ndim == 3:
        # pydicom converts YBR to RGB while decoding, unless the data are uncompressed YBR_FULL.
        return _rgb(stored, photometric, dataset)
    if photometric == "MONOCHROME1":
        return _grayscale((int(stored.max()) - stored.astype(np.int64)).astype(np.uint16))
    if stored.ndim == 3:
        return _eight_bits(stored, int(dataset.get("BitsStored") or 8))
    return _grayscale(stored)


def _rgb(stored: np.ndarray[Any, Any], photometric: str, dataset: pydicom.Dataset) -> Pixels:
    converted = dataset.file_meta.TransferSyntaxUID.is_compressed or photometric == "YBR_FULL_422"
    return _eight_bits(stored if converted else convert_color_space(stored, photometric, "RGB"))


def _eight_bits(values: np.ndarray[Any, Any], bits: int = 16) -> Pixels:
    if values.dtype == np.uint16:
        return (values >> max(0, bits - 8)).astype(np.uint8)
    return cast(Pixels, values.astype(np.uint8, copy=False))


def _grayscale(values: np.ndarray[Any, Any]) -> Pixels:
    if values.dtype in (np.uint8, np.uint16, np.int16):
        return cast(Pixels, values)
    return values.astype(np.float32)


def _unreadable(dataset: pydicom.Dataset) -> str:
    syntax = UID(str(getattr(dataset.file_meta, "TransferSyntaxUID", "")))
    # A UID's name is the standard's; a UID that the standard does not have is never quoted.
    if not syntax.is_transfer_syntax or not syntax.is_compressed:
        return _TRUNCATED
    refusal = (
        f"the DICOM file's pixel data cannot be decoded (transfer syntax {syntax.name}): "
        "it is truncated or corrupt"
    )
    if syntax not in _PLUGINS and _has_decoder(syntax):
        return refusal
    return f"{refusal}, or no decoder is installed (pip install 'wattscan[dicom]')"
