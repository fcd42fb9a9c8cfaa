"""Lookup tables of DICOM: Modality LUT, VOI LUT and palettes.

PS3.3 C.11.1.1, C.11.2.1.1 and C.7.6.3.1.5.

pydicom looks up in the type of the pixels, which wraps where a table begins below 0 or has more
entries than they have values, and takes a table's entries for bytes or for words by its VR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import ExplicitVRBigEndian

from wattscan.contracts import Pixels


@dataclass(frozen=True)
class LookupTable:
    """`entries` of so many `bits`, for the values from `first` on; what lies beyond has the entry
    at that end."""

    first: int
    entries: NDArray[np.int64]
    bits: int

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the greatest entry: the ends of its gray scale."""
        return int(self.entries.min()), int(self.entries.max())

    def of(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """The entries of integer values."""
        places = np.clip(values.astype(np.int64) - self.first, 0, self.entries.size - 1)
        return self.entries[places]


def table(item: Dataset, name: str, *, signed: bool, big: bool) -> LookupTable:
    """A lookup table.

    Args:
        item: what holds it.
        name: of its two elements, without `Descriptor` and `Data`.
        signed: whether the values that it is for may be below 0, as its first one then is.
        big: whether the file's words are big-endian.

    Raises:
        Exception: whatever an element leads to that is not as DICOM defines it.
    """
    descriptor = item[f"{name}Descriptor"].value
    count, first, bits = (int(number) for number in descriptor)
    count = count % 65536 or 65536
    first %= 65536
    if signed and first >= 32768:
        first -= 65536
    entries = _entries(item[f"{name}Data"].value, count, bits, big)
    if entries.size < count:
        raise ValueError("it has too few entries")
    return LookupTable(first, entries[:count], bits)


def _entries(data: Any, count: int, bits: int, big: bool) -> NDArray[np.int64]:
    """Of a word each, or packed two into one, the earlier one in the lower byte."""
    if isinstance(data, bytes):
        words = np.frombuffer(data[: len(data) // 2 * 2], ">u2" if big else "<u2")
    else:
        words = np.atleast_1d(np.asarray(data, dtype=np.int64))
    if bits <= 8 and words.size < count:
        return np.frombuffer(words.astype("<u2").tobytes(), np.uint8).astype(np.int64)
    return words.astype(np.int64)


def is_big(dataset: Dataset) -> bool:
    """Whether a file's words are big-endian."""
    return bool(dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian)


def colours(stored: NDArray[Any], dataset: Dataset) -> Pixels:
    """A palette's RGB, uint8 (rows, columns, 3). Raises: Exception, as `table`."""
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        values = apply_color_lut(stored, dataset)
        return cast(Pixels, (values >> 8 * (values.itemsize - 1)).astype(np.uint8))
    planes = []
    for name in ("Red", "Green", "Blue"):
        lut, signed = f"{name}PaletteColorLookupTable", stored.dtype.kind == "i"
        palette = table(dataset, lut, signed=signed, big=is_big(dataset))
        found = palette.of(stored)
        planes.append(found >> 8 if palette.bits > 8 else found)
    return np.stack(planes, axis=-1).astype(np.uint8)
