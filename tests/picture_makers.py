"""Makes image files of arrays: DICOM of any kind, TIFF byte by byte, and what Pillow writes."""

from __future__ import annotations

import io
import struct
from typing import Any, Literal

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

Values = NDArray[Any]
EIGHT: Values = (np.arange(12 * 16).reshape(12, 16) + 20).astype(np.uint8)
SIXTEEN: Values = EIGHT.astype(np.uint16) * 257 + 3
TWELVE: Values = EIGHT.astype(np.uint16) * 16 + 5
SIGNED: Values = EIGHT.astype(np.int16) * 20 - 1000
COLOUR: Values = np.stack([EIGHT, EIGHT[::-1], 255 - EIGHT], axis=-1)
PAIRS: Values = np.repeat(COLOUR[:, ::2], 2, axis=1)


def dicom(values: Values, syntax: UID = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A DICOM file of those stored values; an element of None is left out."""
    with pydicom.config.disable_value_validation():
        return _written(_dataset(values, elements), syntax)


def _dataset(values: Values, elements: dict[str, Any]) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    dataset.Rows, dataset.Columns = values.shape[:2]
    colours = values.ndim == 3
    dataset.SamplesPerPixel = 3 if colours else 1
    dataset.PhotometricInterpretation = "RGB" if colours else "MONOCHROME2"
    if colours:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * values.dtype.itemsize
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for keyword, value in elements.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.setdefault("HighBit", dataset.BitsStored - 1)
    for keyword in (name for name, value in elements.items() if value is None):
        if keyword in dataset:
            delattr(dataset, keyword)
    planes = values.transpose(2, 0, 1) if dataset.get("PlanarConfiguration") == 1 else values
    dataset.setdefault("PixelData", np.ascontiguousarray(planes).tobytes())
    dataset["PixelData"].VR = "OW" if values.dtype.itemsize > 1 else "OB"
    return dataset


def _written(dataset: Dataset, syntax: UID) -> bytes:
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless)
    dataset.file_meta.TransferSyntaxUID = syntax
    order = "little"
    if syntax == ExplicitVRBigEndian:
        order = "big"
        words = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}")
        dataset.PixelData = words.astype(words.dtype.newbyteorder(">")).tobytes()
        dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    buffer = io.BytesIO()
    pydicom.dcmwrite(
        buffer,
        dataset,
        enforce_file_format=True,
        little_endian=order == "little",
        implicit_vr=syntax == ImplicitVRLittleEndian,
    )
    return buffer.getvalue()


def lut(entries: Values, first: int = 0, bits: int = 16, *, packed: bool = False) -> Dataset:
    """An item of a Modality or VOI LUT Sequence; `packed`: two entries a word."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first, bits])
    item.ModalityLUTType = "US"
    item.add_new("LUTData", "OW", entries.astype("u1" if packed else "<u2").tobytes())
    return item


def palette(bits: int, entries: int = 256, *, packed: bool = True) -> dict[str, Any]:
    """The elements of a palette whose red falls, whose green rises, and whose blue is half."""
    every = np.arange(entries)
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, values in (("Red", every[::-1]), ("Green", every), ("Blue", every // 2)):
        words = values.astype("u1" if bits == 8 and packed else "<u2")
        if bits == 16:
            words = words * np.uint16(65536 // entries)
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [entries, 0, bits]
        elements[f"{name}PaletteColorLookupTableData"] = words.tobytes()
    return elements


def enhanced(**elements: Any) -> dict[str, Any]:
    """The same elements where an enhanced multi-frame object has them."""
    macro, group = Dataset(), Dataset()
    for keyword, value in elements.items():
        setattr(macro, keyword, value)
    name = "PixelValueTransformationSequence"
    if "WindowCenter" in elements:
        name = "FrameVOILUTSequence"
    setattr(group, name, [macro])
    return {"SharedFunctionalGroupsSequence": [group]}


def ybr(rgb: Values) -> Values:
    """YBR_FULL of 8 bits (PS3.3 C.7.6.3.1.2)."""
    red, green, blue = (rgb[..., k].astype(float) for k in range(3))
    luma = 0.2990 * red + 0.5870 * green + 0.1140 * blue
    difference = -0.1687 * red - 0.3313 * green + 0.5000 * blue + 128
    other = 0.5000 * red - 0.4187 * green - 0.0813 * blue + 128
    return np.clip(np.rint(np.stack([luma, difference, other], -1)), 0, 255).astype(np.uint8)


def halved(rgb: Values) -> bytes:
    """YBR_FULL_422: of two pixels each its luma, then both their differences."""
    every = ybr(rgb)
    luma, differences = every[..., 0].reshape(-1, 2), every[:, ::2, 1:].reshape(-1, 2)
    return np.concatenate([luma, differences], axis=1).tobytes()


def tiff(
    values: Values, order: Literal["<", ">"] = "<", photometric: int = 1, sample: int = 1
) -> bytes:
    """A TIFF of one strip, without compression."""
    raw = values.astype(values.dtype.newbyteorder(order)).tobytes()
    height, width = values.shape
    tags = [(256, 4, width), (257, 4, height), (258, 3, values.itemsize * 8), (259, 3, 1)]
    tags += [(262, 3, photometric), (273, 4, 14 + 12 * 10), (277, 3, 1), (278, 4, height)]
    tags += [(279, 4, len(raw)), (339, 3, sample)]
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1)
        + (struct.pack(f"{order}HH", n, 0) if kind == 3 else struct.pack(f"{order}I", n))
        for tag, kind, n in tags
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return head + entries + struct.pack(f"{order}I", 0) + raw


def saved(values: Values | Image.Image, kind: str, **options: Any) -> bytes:
    """A PNG, JPEG or TIFF as Pillow writes it."""
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind: str, values: Values, **options: Any) -> bytes:
    """The picture lies on its side, and the file says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(np.rot90(values).copy(), kind, exif=exif, **options)


def bitmaps() -> bytes:
    """Three frames of 5 x 7: the second one begins within a byte."""
    frames = np.stack([EIGHT[:5, :7] % 2] + [np.zeros((5, 7), np.uint8)] * 2)
    data = np.packbits(frames.reshape(-1), bitorder="little").tobytes()
    return dicom(
        frames[0],
        BitsAllocated=1,
        BitsStored=1,
        NumberOfFrames="3",
        PixelData=data + bytes(len(data) % 2),
    )


def bare(data: bytes) -> bytes:
    """A file's data set alone."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    buffer = io.BytesIO()
    del dataset.file_meta
    dataset.save_as(buffer, implicit_vr=True, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()


def deflated_tiff() -> bytes:
    """Big-endian, 16 bits signed, deflated."""
    made = bytearray(tiff(SIGNED, ">", sample=2))
    at = made.index(struct.pack(">HHI", 259, 3, 1)) + 8
    made[at : at + 2] = struct.pack(">H", 8)
    return bytes(made)


def huge_tile() -> bytes:
    """A TIFF of 16 x 16 whose one tile would be 2 GB."""
    tags = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1), (322, 46340)]
    tags += [(323, 46340), (324, 8 + 2 + 12 * 10 + 4), (325, 9)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II" + struct.pack("<HIH", 42, 8, len(tags)) + entries + bytes(4) + bytes(9)


def bordered(values: Values, border: int) -> Values:
    framed = values.copy()
    framed[:, :4] = border
    return framed


def alpha() -> Image.Image:
    alpha = np.full(EIGHT.shape, 255, np.uint8)
    alpha[:, :4] = 0
    return Image.merge("LA", (Image.fromarray(EIGHT), Image.fromarray(alpha)))


def jpeg_of_twelve_bits() -> bytes:
    jpeg = bytearray(saved(EIGHT, "JPEG"))
    jpeg[jpeg.index(b"\xff\xc0") + 4] = 12
    return bytes(jpeg)


def compressed(how: int) -> bytes:
    """A TIFF that says it is compressed in that way."""
    made = bytearray(tiff(EIGHT))
    at = made.index(struct.pack("<HHI", 259, 3, 1)) + 8
    made[at : at + 2] = struct.pack("<H", how)
    return bytes(made)
