"""DICOM files in which all that is a patient's carries a mark, and a search for the marks."""

from __future__ import annotations

import base64
import io
import logging
import warnings

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

NAME, IDENT, HEADER, FAULT = "ZQXPATIENT", "ZQXIDENT", "ZQXHEADER", "ZQXFAULT"
TOKEN = "ZQXTOKEN-0123456789"
DIGITS = "77317731773177"
PIXELS = b"ZQXPIXEL"
UID = f"1.2.826.0.1.{DIGITS}"
_SIZE = 64
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_COMMENT = b"\xff\xfe\x00\x0a" + PIXELS  # a JPEG comment


def _dataset(syntax=ExplicitVRLittleEndian, frames=None, **changes):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = pydicom.uid.UID("1.2.840.10008.5.1.4.1.1.6.1")
    meta.MediaStorageSOPInstanceUID = meta.ImplementationClassUID = pydicom.uid.UID(f"{UID}.1")
    meta.SourceApplicationEntityTitle = IDENT
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID, ds.StudyInstanceUID = f"{UID}.1", f"{UID}.2"
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = f"{UID}.3", f"{UID}.4"
    ds.PatientName, ds.PatientID = f"{NAME}^Q", f"{IDENT}1"
    ds.AccessionNumber, ds.InstitutionName = f"{IDENT}2", f"{NAME} hospital"
    ds.PatientBirthDate, ds.Modality, ds.SpecificCharacterSet = "19000101", "US", "ISO_IR 192"
    ds.private_block(0x0009, f"{IDENT} private", create=True).add_new(1, "LT", NAME)
    inner = Dataset()
    inner.PatientName, inner.ReferencedSOPInstanceUID = NAME, f"{UID}.5"
    ds.ReferencedImageSequence = [inner]
    ds.Rows, ds.Columns, ds.SamplesPerPixel = _SIZE, _SIZE, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = PIXELS * (_SIZE * _SIZE // len(PIXELS))
    if frames is not None:
        ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    for keyword, value in changes.items():
        # As a text of any words, whatever the standard says of the element.
        vr = "LO" if isinstance(value, str) else pydicom.datadict.dictionary_VR(keyword)
        ds.add_new(keyword, vr, value)
    return ds


def _file(*arguments, **changes):
    buffer = io.BytesIO()
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        _dataset(*arguments, **changes).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicom_files():
    """Condition -> file."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    good = _file()
    odd_syntax = ExplicitVRLittleEndian.replace("1.2.840.10008.1.2.1", f"{UID}.9")
    files = {
        "good": good,
        "inverted": _file(PhotometricInterpretation="MONOCHROME1"),
        "deflated": _file(DeflatedExplicitVRLittleEndian),
        "no pixels": good[: good.rindex(b"\xe0\x7f\x10\x00")],
        "no meta": good[132:],
        "huge": _file(Rows=65535, Columns=65535),
        "more rows than pixels": _file(Rows=4096),
        "many frames": _file(NumberOfFrames="99"),
        "odd syntax": _file().replace(b"1.2.840.10008.1.2.1\0", odd_syntax.encode()[:19] + b"\0"),
        "name with the VR US": good.replace(b"\x10\0\x10\0PN", b"\x10\0\x10\0US"),
        "rows with the VR UL": good.replace(b"\x28\0\x10\0US", b"\x28\0\x10\0UL"),
        "unknown VR": good.replace(b"\x10\0\x20\0LO", b"\x10\0\x20\0ZQ"),
    }
    for size in (140, 300, good.index(NAME.encode()) + 4, good.index(PIXELS) + 100):
        files[f"cut after {size} bytes"] = good[:size]
    for keyword in (
        "SpecificCharacterSet", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
        "BitsAllocated", "BitsStored", "PixelRepresentation", "SamplesPerPixel",
        "PlanarConfiguration",
    ):  # fmt: skip
        files[f"a name as {keyword}"] = _file(**{keyword: NAME})
    for syntax in (
        JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless,
    ):  # fmt: skip
        for start in (b"", _JPEG + _COMMENT, b"\x00\x00\x00\x0cjP  \r\n\x87\n"):
            kind = f"{syntax.name}, {start[:2].hex()}"
            files[kind] = _file(syntax, [start + PIXELS * 40])
    return files


def _forms(mark):
    """How the mark would look in whatever text it got into."""
    yield from (mark, mark.lower(), mark.upper(), mark[::-1])
    yield from (mark.hex().encode(), mark.hex().upper().encode(), mark.hex(" ").encode())
    yield "".join(f"\\x{byte:02x}" for byte in mark).encode()
    yield from (mark.decode().encode(f"utf-16-{end}e") for end in "lb")
    for separator in (", ", " ", ",", ". "):
        yield separator.join(map(str, mark)).encode()
    for offset, start in enumerate((0, 2, 3)):
        whole = (8 * (offset + len(mark))) // 6
        yield base64.b64encode(bytes(offset) + mark)[start:whole]


MARKS = [text.encode() for text in (NAME, IDENT, HEADER, FAULT, TOKEN, DIGITS)] + [PIXELS]
FORMS = sorted({form for mark in MARKS for form in _forms(mark)})


def found(data):
    """The marks in the bytes, with what is around them."""
    for form in FORMS:
        place = data.find(form)
        if place >= 0:
            yield data[max(0, place - 80) : place + 80]
