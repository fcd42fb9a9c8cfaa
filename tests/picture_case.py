"""One kind of image file, as the tests of pictures have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from picture_makers import Values

NATIVE = {
    "implicit little endian": ImplicitVRLittleEndian,
    "explicit little endian": ExplicitVRLittleEndian,
    "explicit big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "RLE": RLELossless,
}


@dataclass(frozen=True)
class Case:
    """One kind of file. `made` gives one, `want` its pixels, and `how` says in words what is done;
    or `refused` is a part of the error. `off` is how far a value may be off."""

    group: str
    kind: str
    made: Callable[..., bytes]
    how: str = ""
    want: Values | None = None
    refused: str = ""
    windowed: bool = False
    off: int = 0


GRAY, COLOURS, OTHERS = "DICOM, gray", "DICOM, colours", "PNG, JPEG, TIFF"
AS_STORED = "as stored"
INVERTED = "inverted about the range of its type"
REVERSED = 255 - np.arange(256)
