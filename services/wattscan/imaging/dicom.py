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
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ImplicitVRLittleEndian

from wattscan.contracts import InvalidImage, Limits, Pixels
from wattscan.imaging import deflate, grayscale, lookup
from wattscan.imaging.frames import check_frame
from wattscan.imaging.isolated import DECODER

# pydicom logs the values of headers that it does not like, patients' names among them.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

_TRUNCATED = "the DICOM file is truncated or corrupt"
_SIZES = {
    "Rows": "Rows (0028,0010)",
    "Columns": "Columns (0028,0011)",
    "NumberOfFrames": "Number of Frames (0028,0008)",
}
_NEEDED = {
    "PhotometricInterpretation": "Photometric Interpretation (0028,0004)",
    "SamplesPerPixel": "Samples per Pixel (0028,0002)",
    "BitsAllocated": "Bits Allocated (0028,0100)",
    "BitsStored": "Bits Stored (0028,0101)",
    "PixelRepresentation": "Pixel Representation (0028,0103)",
}
# What is read, and its samples per pixel.
_PHOTOMETRIC = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
_RETIRED = ("HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "XYB")
_ALLOCATED = (1, 8, 16, 32)
_FLOATS = {
    "FloatPixelData": "Float Pixel Data (7FE0,0008)",
    "DoubleFloatPixelData": "Double Float Pixel Data (7FE0,0009)",
}

# Left to choose, pydicom takes GDCM first, which can end the process on a corrupt frame.
_PLUGINS = {
    UID("1.2.840.10008.1.2.4.50"): "pillow",  # JPEG baseline
    UID("1.2.840.10008.1.2.4.51"): "pillow",  # JPEG extended
    UID("1.2.840.10008.1.2.4.90"): "pillow",  # JPEG 2000 lossless
    UID("1.2.840.10008.1.2.4.91"): "pillow",  # JPEG 2000
    UID("1.2.840.10008.1.2.5"): "pydicom",  # RLE
}
# Of these Pillow refuses colours and JPEG of more than 8 bits, and sloppy streams that GDCM reads.
_IN_PART = (
    UID("1.2.840.10008.1.2.4.51"),
    UID("1.2.840.10008.1.2.4.90"),
    UID("1.2.840.10008.1.2.4.91"),
)


def read(data: bytes, frame: int, limits: Limits, windowed: bool) -> Pixels:
    """Decode one frame, as `imaging.decode` says. Raises: InvalidImage, ImageTooLarge."""
    deflate.check(data, limits)
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    except Exception:
        raise InvalidImage(_TRUNCATED) from None
    _check(dataset, frame, limits)
    if not getattr(dataset.file_meta, "TransferSyntaxUID", None):
        # pydicom has found out how it is written; of pixels only the byte order matters.
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    try:
        _check_codestream(dataset, frame)
        stored = _stored(dataset, data, frame, limits)
        stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    except InvalidImage:
        raise
    except Exception:
        raise InvalidImage(_unreadable(dataset)) from None
    if dataset.PhotometricInterpretation.startswith("MONOCHROME"):
        return grayscale.shown(dataset, stored, frame, windowed)
    return _colour(dataset, stored)


def _check(dataset: pydicom.Dataset, frame: int, limits: Limits) -> None:
    try:
        has_pixels = "PixelData" in dataset
        kinds = [name for name in _FLOATS if name in dataset]
    except Exception:
        raise InvalidImage(_TRUNCATED) from None
    rows, columns, frames = (_whole_number(dataset, keyword) for keyword in _SIZES)
    if kinds:
        raise InvalidImage(
            f"the DICOM file's pixels are floating-point numbers ({_FLOATS[kinds[0]]}): "
            "only Pixel Data (7FE0,0010) is read"
        )
    if not has_pixels:
        raise InvalidImage("the DICOM file has no pixel data: it is truncated, or not an image")
    limits.check_size(rows, columns)
    try:
        _check_layout(dataset)
    except InvalidImage:
        raise
    except Exception:
        raise InvalidImage(_TRUNCATED) from None
    check_frame(frame, max(1, frames))


def _whole_number(dataset: pydicom.Dataset, keyword: str) -> int:
    """0 where the element is not there."""
    try:
        return int(dataset.get(keyword) or 0)
    except Exception:
        raise InvalidImage(f"the DICOM file's {_SIZES[keyword]} is no whole number") from None


def _check_layout(dataset: pydicom.Dataset) -> None:
    """Refuse by its name what is missing, or what DICOM does not define, or no longer."""
    for keyword, name in _NEEDED.items():
        if dataset.get(keyword) in (None, ""):
            raise InvalidImage(f"the DICOM file has no {name}: without it, pixels have no meaning")
    photometric = str(dataset.PhotometricInterpretation)
    if photometric not in _PHOTOMETRIC:
        known = photometric if photometric in _RETIRED else "one that DICOM does not define"
        raise InvalidImage(
            f"the DICOM file's Photometric Interpretation (0028,0004) is {known}; "
            f"{', '.join(_PHOTOMETRIC)} are read (DICOM writes them in upper case)"
        )
    samples, allocated = int(dataset.SamplesPerPixel), int(dataset.BitsAllocated)
    if samples != _PHOTOMETRIC[photometric]:
        raise InvalidImage(
            f"the DICOM file's Samples per Pixel (0028,0002) is not "
            f"{_PHOTOMETRIC[photometric]}, which {photometric} has"
        )
    if allocated not in _ALLOCATED:
        raise InvalidImage("the DICOM file's Bits Allocated (0028,0100) is not 1, 8, 16 or 32")
    stored = int(dataset.BitsStored)
    if not 1 <= stored <= allocated:
        raise InvalidImage("the DICOM file's Bits Stored (0028,0101) exceeds its Bits Allocated")
    if int(dataset.get("HighBit", stored - 1)) != stored - 1:
        raise InvalidImage(
            "the DICOM file's High Bit (0028,0102) is not one less than its Bits Stored: "
            "DICOM has retired such layouts, and they are not read"
        )
    if photometric.startswith("YBR") and stored > 8:
        raise InvalidImage(f"the DICOM file has {photometric} of more than 8 bits: it is not read")
    if samples > 1 and dataset.get("PlanarConfiguration") not in (0, 1):
        raise InvalidImage(
            "the DICOM file has colours, and its Planar Configuration (0028,0006) is not 0 or 1"
        )


def _check_codestream(dataset: pydicom.Dataset, frame: int) -> None:
    """Refuse a compressed frame that says another size than the header, before it is decoded."""
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if not syntax.is_transfer_syntax or not syntax.is_encapsulated:
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
    syntax = dataset.file_meta.TransferSyntaxUID
    if dataset.BitsAllocated == 1:
        # Of frames that end within a byte pydicom finds no single one.
        limits.check_size(dataset.Rows * int(dataset.get("NumberOfFrames") or 1), dataset.Columns)
        frames = pixel_array(dataset)
        return frames[frame] if frames.ndim == 3 else frames
    if syntax in _PLUGINS or not _has_decoder(syntax):
        try:
            return pixel_array(dataset, index=frame, decoding_plugin=_PLUGINS.get(syntax, ""))
        except Exception:
            if syntax not in _IN_PART or find_spec("gdcm") is None:
                raise
    # All other compressed pixels: JPEG lossless and JPEG-LS, and whatever pydicom learns to decode.
    return DECODER.decode(data, frame, limits)


def _has_decoder(syntax: UID) -> bool:
    """Whether pydicom finds a decoder for the compressed syntax here; False for plain pixels."""
    try:
        return syntax.is_encapsulated and get_decoder(syntax).is_available
    except (NotImplementedError, ValueError):  # a syntax that pydicom, or the standard, has not
        return False


def _colour(dataset: pydicom.Dataset, stored: np.ndarray[Any, Any]) -> Pixels:
    """RGB, uint8. pydicom has converted YBR while decoding, whatever the transfer syntax."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        try:
            return lookup.colours(stored, dataset)
        except Exception:
            raise InvalidImage("the DICOM file's palette is missing or incomplete") from None
    return _upper_eight(stored, int(dataset.BitsStored))


def _upper_eight(values: np.ndarray[Any, Any], bits: int) -> Pixels:
    if values.dtype.itemsize > 1:
        values = values >> max(0, bits - 8)
    return cast(Pixels, values.astype(np.uint8, copy=False))


def _unreadable(dataset: pydicom.Dataset) -> str:
    syntax = UID(str(getattr(dataset.file_meta, "TransferSyntaxUID", "")))
    # A UID's name is the standard's; a UID that the standard does not have is never quoted.
    if not syntax.is_transfer_syntax:
        return "the DICOM file's Transfer Syntax (0002,0010) is none that DICOM defines"
    if not syntax.is_compressed:
        return _TRUNCATED
    compressed = f"the DICOM file's pixels are compressed as {syntax.name}"
    if (syntax in _PLUGINS and syntax not in _IN_PART) or _has_decoder(syntax):
        return f"{compressed}, and are truncated or corrupt"
    if find_spec("gdcm") is None:
        return f"{compressed}, and no decoder is installed: pip install 'wattscan[dicom]'"
    return f"{compressed}, which is not read"
