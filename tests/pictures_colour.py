"""DICOM files in colours."""

from __future__ import annotations

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from picture_case import AS_STORED, COLOURS, Case
from picture_makers import COLOUR, EIGHT, PAIRS, TWELVE, dicom, halved, palette, ybr

COLOUR_CASES: tuple[Case, ...] = (
    *(
        Case(COLOURS, f"RGB, {name}", lambda e=e: dicom(COLOUR, **e), AS_STORED, COLOUR)
        for name, e in (("by pixel", {}), ("by plane", {"PlanarConfiguration": 1}))
    ),
    Case(
        *(COLOURS, "RGB of 12 of 16 bits"),
        lambda: dicom(COLOUR.astype(np.uint16) * 16 + 5, BitsStored=12),
        *("the upper 8 of the bits stored", COLOUR),
    ),
    *(
        Case(
            *(COLOURS, f"YBR_FULL, {name}"),
            lambda e=e, s=s: dicom(ybr(COLOUR), s, PhotometricInterpretation="YBR_FULL", **e),
            *("to RGB, once", COLOUR),
            off=2,
        )
        for name, e, s in (
            ("by pixel", {}, ExplicitVRLittleEndian),
            ("by plane", {"PlanarConfiguration": 1}, ExplicitVRLittleEndian),
            ("RLE", {}, RLELossless),
        )
    ),
    Case(
        *(COLOURS, "YBR_FULL_422"),
        lambda: dicom(PAIRS, PhotometricInterpretation="YBR_FULL_422", PixelData=halved(PAIRS)),
        *("to RGB, once", PAIRS),
        off=2,
    ),
    *(
        Case(
            *(COLOURS, f"palette of {bits} bits"),
            lambda bits=bits: dicom(EIGHT, **palette(bits)),
            "looked up" + (", upper 8 bits" if bits == 16 else ""),
            np.stack([255 - EIGHT, EIGHT, EIGHT // 2], -1),
        )
        for bits in (8, 16)
    ),
    Case(
        *(COLOURS, "palette of 8 bits, a word each"),
        lambda: dicom(EIGHT, **palette(8, packed=False)),
        *("looked up", np.stack([255 - EIGHT, EIGHT, EIGHT // 2], -1)),
    ),
    Case(
        *(COLOURS, "palette of 4096 entries, 12 bits stored"),
        lambda: dicom(TWELVE, BitsStored=12, **palette(16, entries=4096)),
        "looked up, upper 8 bits",
        np.stack([(4095 - TWELVE) >> 4, TWELVE >> 4, TWELVE >> 5], -1).astype(np.uint8),
    ),
    Case(
        *(COLOURS, "palette without its table"),
        lambda: dicom(EIGHT, PhotometricInterpretation="PALETTE COLOR"),
        refused="palette is missing",
    ),
    Case(
        *(COLOURS, "RGB without Planar Configuration"),
        lambda: dicom(COLOUR, PlanarConfiguration=None),
        refused="Planar Configuration (0028,0006)",
    ),
    Case(
        *(COLOURS, "HSV, CMYK and other retired ones"),
        lambda: dicom(COLOUR, PhotometricInterpretation="HSV"),
        refused="Photometric Interpretation (0028,0004) is HSV",
    ),
)
