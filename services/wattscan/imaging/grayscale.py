"""DICOM's grayscale pipeline for one frame, in its order (PS3.4 N.2, PS3.3 C.11.1 and C.11.2):
stored values, Modality LUT or rescale, VOI where it is asked for, polarity.

A rescale is linear, and the tasks normalise: of it only the direction is left. A window is applied
as pydicom does. Eight bits stay eight bits, over the whole range of their type;
wider values keep their own, and tasks stretch them.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_windowing

from wattscan.contracts import InvalidImage, Pixels
from wattscan.imaging.lookup import LookupTable, is_big, table

_MODALITY = ("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept")
_VOI = ("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction")
# Where an enhanced multi-frame object has them, for all frames or for each.
_MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_WHITE = 255


def shown(dataset: Dataset, stored: NDArray[Any], frame: int, windowed: bool) -> Pixels:
    """A monochrome frame in which bright means bright.

    Args:
        dataset: the file's, whose elements have been checked.
        stored: (rows, columns), the frame's stored values, of any integer type.
        frame: which frame of the file it is, from 0.
        windowed: apply the file's VOI LUT, or else its first window, where it has one.

    Returns:
        (rows, columns): uint8 where 8 bits or fewer are stored, or a VOI was applied; else uint16,
        int16 or float32. Pixel padding is as dark as the darkest other pixel; in uint8, black.

    Raises:
        InvalidImage: an element of the pipeline is not what DICOM defines.
    """
    bits = int(dataset.BitsStored)
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    try:
        view = _view(dataset, frame)
        padding = _padding(dataset, stored)
        modality = _modality_table(dataset, view)
        if windowed and (_item(view, "VOILUTSequence") or _has_window(view)):
            values = _windowed(_modality(stored, view, modality), view, is_big(dataset))
        elif modality:
            values, bits = _looked_up(stored, modality, bits)
        else:
            values = _whole(stored, bits, bool(dataset.PixelRepresentation))
            inverted ^= float(view.get("RescaleSlope") or 1.0) < 0
        if inverted:
            values = _inverted(values, bits)
    except Exception:
        raise InvalidImage(
            "the DICOM file's Modality LUT, rescale or VOI (0028,3000), (0028,1053), (0028,3010), "
            "(0028,1050) cannot be applied: it is not as DICOM defines it"
        ) from None
    return _pixels(values if padding is None else _darkened(values, padding))


def _darkened(values: NDArray[Any], padding: NDArray[Any]) -> NDArray[Any]:
    """With padding as dark as the darkest other pixel."""
    if not padding.any():
        return values
    values = values.copy()
    rest = values[~padding]
    values[padding] = 0 if values.dtype == np.uint8 or not rest.size else rest.min()
    return values


def _view(dataset: Dataset, frame: int) -> Dataset:
    """The elements of the pipeline that hold for a frame, and how its values are stored."""
    view = Dataset()
    for source in (dataset, *_macros(dataset, frame)):
        for keyword in (*_MODALITY, *_VOI):
            if source.get(keyword) not in (None, ""):
                view[keyword] = source[keyword]
    view.BitsStored, view.PixelRepresentation = dataset.BitsStored, dataset.PixelRepresentation
    return view


def _macros(dataset: Dataset, frame: int) -> list[Dataset]:
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    own = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    return [item for group in (*shared, *own) for name in _MACROS for item in group.get(name) or []]


def _has_window(view: Dataset) -> bool:
    """Whether a window is there that can be applied; one of no width is in some files."""
    widths = view.get("WindowWidth")
    if widths is None or "WindowCenter" not in view:
        return False
    width = float(widths if view["WindowWidth"].VM == 1 else widths[0])
    linear = str(view.get("VOILUTFunction") or "LINEAR").upper() == "LINEAR"
    return width >= 1 if linear else width > 0


def _item(view: Dataset, keyword: str) -> Dataset | None:
    return next(iter(view.get(keyword) or []), None)


def _modality_table(dataset: Dataset, view: Dataset) -> LookupTable | None:
    item = _item(view, "ModalityLUTSequence")
    if item is None:
        return None
    return table(item, "LUT", signed=bool(dataset.PixelRepresentation), big=is_big(dataset))


def _modality(stored: NDArray[Any], view: Dataset, modality: LookupTable | None) -> NDArray[Any]:
    if modality:
        return modality.of(stored)
    slope = float(view.get("RescaleSlope") or 1)
    return stored.astype(np.float64) * slope + float(view.get("RescaleIntercept") or 0)


def _windowed(values: NDArray[Any], view: Dataset, big: bool) -> NDArray[Any]:
    """0..255, by the VOI LUT's own range, or the window's."""
    item = _item(view, "VOILUTSequence")
    if item is not None:
        # Its first value is as the values that it is for: those of the modality.
        voi = table(item, "LUT", signed=_may_be_negative(view), big=big)
        return _scaled(voi.of(np.rint(values)), voi.ends)
    out = Dataset()
    for keyword in _VOI:
        if keyword in view:
            out[keyword] = view[keyword]
    # What a window maps to is the range of these; of the modality's values it asks nothing.
    out.PhotometricInterpretation, out.BitsStored, out.PixelRepresentation = "MONOCHROME2", 8, 0
    return _eight_bits(apply_windowing(values, out))


def _may_be_negative(view: Dataset) -> bool:
    if _item(view, "ModalityLUTSequence") is not None:
        return False
    ends = _ends(int(view.BitsStored), bool(view.PixelRepresentation))
    return bool(_modality(np.array(ends), view, None).min() < 0)


def _looked_up(stored: NDArray[Any], modality: LookupTable, bits: int) -> tuple[NDArray[Any], int]:
    """Through the Modality LUT, and the bits that it gives. What had 8 bits has 8 bits, over the
    LUT's own range."""
    values = modality.of(stored)
    if bits <= 8:
        return _scaled(values, modality.ends), 8
    return values.astype(np.uint8 if modality.bits <= 8 else np.uint16), modality.bits


def _scaled(values: NDArray[Any], ends: tuple[int, int]) -> NDArray[Any]:
    low, high = ends
    part = (values.astype(np.float64) - low) / max(1, high - low)
    return _eight_bits(part * _WHITE)


def _eight_bits(values: NDArray[Any]) -> NDArray[Any]:
    rounded: NDArray[Any] = np.rint(values).astype(np.uint8)
    return rounded


def _whole(stored: NDArray[Any], bits: int, signed: bool) -> NDArray[Any]:
    """8 bits and fewer as uint8, over the range of their type; wider ones as they are."""
    return stored if bits > 8 else _scaled(stored, _ends(bits, signed))


def _ends(bits: int, signed: bool) -> tuple[int, int]:
    """The range of a type."""
    least = -(1 << (bits - 1)) if signed else 0
    return least, least + (1 << bits) - 1


def _inverted(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """About the range of the type, so that the frame's content does not matter."""
    if values.dtype.kind == "i":
        return ~values
    ones = values.dtype.type((1 << (8 if values.dtype == np.uint8 else bits)) - 1)
    return cast("NDArray[Any]", ones - values)


def _padding(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where a frame was filled up (PS3.3 C.7.5.1.1.2); None: nowhere."""
    if dataset.get("PixelPaddingValue") in (None, ""):
        return None
    value = _as_stored(int(dataset.PixelPaddingValue), dataset)
    limit = dataset.get("PixelPaddingRangeLimit")
    other = value if limit in (None, "") else _as_stored(int(limit), dataset)
    within: NDArray[np.bool_] = (stored >= min(value, other)) & (stored <= max(value, other))
    return within


def _as_stored(value: int, dataset: Dataset) -> int:
    """A value in the type of the stored ones: some files tell -2000 as 63536."""
    least, most = _ends(int(dataset.BitsAllocated), bool(dataset.PixelRepresentation))
    return value if least <= value <= most else (value - least) % (most - least + 1) + least


def _pixels(values: NDArray[Any]) -> Pixels:
    if values.dtype in (np.uint8, np.uint16, np.int16):
        return cast(Pixels, values)
    return values.astype(np.float32)
