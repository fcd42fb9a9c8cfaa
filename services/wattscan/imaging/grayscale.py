"""DICOM's grayscale pipeline for one frame, in its order (PS3.4 N.2, PS3.3 C.11.1 and C.11.2):
stored values, Modality LUT or rescale, VOI where it is asked for, polarity.

A rescale is linear, and the tasks normalise: of it only the direction is left. A Modality LUT and a
VOI are applied as pydicom does. Eight bits stay eight bits, over the whole range of their type;
wider values keep their own, and tasks stretch them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from wattscan.contracts import InvalidImage, Pixels

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
    view = _view(dataset, frame)
    padding = _padding(dataset, stored)
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    try:
        if windowed and ("VOILUTSequence" in view or _has_window(view)):
            values = _windowed(apply_modality_lut(stored, view), view)
        elif "ModalityLUTSequence" in view:
            values = _looked_up(stored, view, int(dataset.BitsStored))
        else:
            values = _whole(stored, int(dataset.BitsStored), bool(dataset.PixelRepresentation))
            inverted ^= float(view.get("RescaleSlope") or 1.0) < 0
        if inverted:
            values = _inverted(values, int(dataset.BitsStored), view)
    except InvalidImage:
        raise
    except ZeroDivisionError:
        raise InvalidImage(
            "the DICOM file's Modality LUT, rescale or VOI (0028,3000), (0028,1053), (0028,3010), "
            "(0028,1050) cannot be applied: it is not as DICOM defines it"
        ) from None
    if padding is not None and padding.any():
        values = values.copy()
        rest = values[~padding]
        values[padding] = 0 if values.dtype == np.uint8 or not rest.size else rest.min()
    return _pixels(values)


def _view(dataset: Dataset, frame: int) -> Dataset:
    """The elements of the pipeline that hold for a frame, and how its values are stored."""
    view = _empty(dataset)
    for source in (dataset, *_macros(dataset, frame)):
        for keyword in (*_MODALITY, *_VOI):
            if source.get(keyword) not in (None, ""):
                view[keyword] = source[keyword]
    view.BitsStored, view.PixelRepresentation = dataset.BitsStored, dataset.PixelRepresentation
    return view


def _empty(dataset: Dataset) -> Dataset:
    view = Dataset()
    view.file_meta = dataset.file_meta  # how a LUT's words are written
    view.PhotometricInterpretation = "MONOCHROME2"
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


def _windowed(values: NDArray[Any], view: Dataset) -> NDArray[Any]:
    """0..255, by the VOI LUT's own range, or the window's."""
    out = _empty(view)
    for keyword in _VOI:
        if keyword in view:
            out[keyword] = view[keyword]
    # What a window maps to is the range of these; of the modality's values it asks nothing.
    out.BitsStored, out.PixelRepresentation = 8, 0
    if "VOILUTSequence" not in view:
        return _eight_bits(apply_voi_lut(values, out))
    voi = apply_voi_lut(np.rint(values).astype(np.int64), out)
    return _scaled(voi, _table(apply_voi_lut, out, out.VOILUTSequence[0]))


def _looked_up(stored: NDArray[Any], view: Dataset, bits: int) -> NDArray[Any]:
    """Through the Modality LUT. What had 8 bits has 8 bits, over the LUT's own range."""
    values = apply_modality_lut(stored, view)
    if bits > 8:
        return values
    return _scaled(values, _table(apply_modality_lut, view, view.ModalityLUTSequence[0]))


def _table(
    apply: Callable[[NDArray[Any], Dataset], NDArray[Any]], view: Dataset, lut: Dataset
) -> tuple[int, int]:
    """The least and the greatest entry of a LUT: the ends of its gray scale."""
    entries, first, _ = (int(number) for number in lut.LUTDescriptor)
    table = apply(first + np.arange(entries or 1 << 16), view)
    return int(table.min()), int(table.max())


def _scaled(values: NDArray[Any], ends: tuple[int, int]) -> NDArray[Any]:
    low, high = ends
    part = (values.astype(np.float64) - low) / max(1, high - low)
    return _eight_bits(part * _WHITE)


def _eight_bits(values: NDArray[Any]) -> NDArray[Any]:
    rounded: NDArray[Any] = np.rint(values).astype(np.uint8)
    return rounded


def _whole(stored: NDArray[Any], bits: int, signed: bool) -> NDArray[Any]:
    """8 bits and fewer as uint8, over the range of their type; wider ones as they are."""
    if bits > 8:
        return stored
    least = -(1 << (bits - 1)) if signed else 0
    return _scaled(stored, (least, least + (1 << bits) - 1))


def _inverted(values: NDArray[Any], bits: int, view: Dataset) -> NDArray[Any]:
    """About the range of the type, so that the frame's content does not matter."""
    if values.dtype.kind == "i":
        return ~values
    if values.dtype == np.uint8:
        bits = 8
    elif "ModalityLUTSequence" in view:
        bits = int(view.ModalityLUTSequence[0].LUTDescriptor[2])
    ones = values.dtype.type((1 << bits) - 1)
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
    bits = int(dataset.BitsStored)
    least = -(1 << (bits - 1)) if dataset.PixelRepresentation else 0
    if least <= value < least + (1 << bits):
        return value
    return (value - least) % (1 << bits) + least


def _pixels(values: NDArray[Any]) -> Pixels:
    if values.dtype in (np.uint8, np.uint16, np.int16):
        return cast(Pixels, values)
    return values.astype(np.float32)
