"""Gray DICOM files: what is stored, and how it is rescaled."""

from __future__ import annotations

import numpy as np

from picture_case import AS_STORED, GRAY, INVERTED, NATIVE, REVERSED, Case
from picture_makers import EIGHT, SIGNED, SIXTEEN, TWELVE, bordered, dicom, enhanced, lut

GRAY_CASES: tuple[Case, ...] = (
    *(
        Case(GRAY, f"{bits} bits, {name}", lambda v=v, s=s: dicom(v, s), AS_STORED, v)
        for name, s in NATIVE.items()
        for bits, v in (("8", EIGHT), ("16", SIXTEEN), ("16 signed", SIGNED))
    ),
    Case(
        *(GRAY, "12 of 16 bits, with an overlay in the others"),
        lambda: dicom(TWELVE | 0xF000, BitsStored=12),
        *("the bits stored alone", TWELVE),
    ),
    Case(
        *(GRAY, "12 of 16 bits, signed"),
        lambda: dicom((SIGNED & 0x0FFF).astype(np.uint16), BitsStored=12, PixelRepresentation=1),
        *("the sign is that of 12 bits", (SIGNED & 0x0FFF ^ 0x800) - 0x800),
    ),
    Case(
        *(GRAY, "8 bits, signed"),
        lambda: dicom((EIGHT.astype(np.int16) - 128).astype(np.int8)),
        *("8 bits, from the least value of the type on", EIGHT),
    ),
    Case(
        *(GRAY, "4 of 8 bits"),
        lambda: dicom(EIGHT >> 4, BitsStored=4),
        *("8 bits, over the whole range", (EIGHT >> 4) * 17),
    ),
    Case(
        *(GRAY, "8 of 16 bits"),
        lambda: dicom(EIGHT.astype(np.uint16), BitsStored=8),
        *("8 bits", EIGHT),
    ),
    Case(
        *(GRAY, "32 bits"),
        lambda: dicom(SIXTEEN.astype(np.uint32) * 60000),
        *("as 32-bit floating point", (SIXTEEN * 60000.0).astype(np.float32)),
    ),
    *(
        Case(
            *(GRAY, f"MONOCHROME1, {name}"),
            lambda v=v, e=e: dicom(v, PhotometricInterpretation="MONOCHROME1", **e),
            *(INVERTED, want),
        )
        for name, v, e, want in (
            ("8 bits", 255 - EIGHT, {}, EIGHT),
            ("12 bits", 4095 - TWELVE, {"BitsStored": 12}, TWELVE),
            ("16 bits, signed", ~SIGNED, {}, SIGNED),
            (
                "32 bits",
                np.uint32(2**32 - 1) - SIXTEEN.astype(np.uint32) * 60000,
                {},
                (SIXTEEN * 60000.0).astype(np.float32),
            ),
        )
    ),
    *(
        Case(
            *(GRAY, f"Rescale Slope below 0{where}"),
            lambda e=e: dicom(255 - EIGHT, **e),
            *("applied: bright stays bright", EIGHT),
        )
        for where, e in (
            ("", {"RescaleSlope": "-1", "RescaleIntercept": "255"}),
            (
                ", in an enhanced object",
                enhanced(RescaleSlope="-1", RescaleIntercept="255", RescaleType="US"),
            ),
        )
    ),
    Case(
        *(GRAY, "Rescale Slope below 0, MONOCHROME1"),
        lambda: dicom(
            *(SIXTEEN,),
            RescaleSlope="-0.5",
            RescaleIntercept="0",
            PhotometricInterpretation="MONOCHROME1",
        ),
        *("inverted twice: as stored", SIXTEEN),
    ),
    Case(
        *(GRAY, "Modality LUT of 16 bits that inverts, 8 bits stored"),
        lambda: dicom(255 - EIGHT, ModalityLUTSequence=[lut(REVERSED * 257)]),
        *("applied: 8 bits, over the LUT's own range", EIGHT),
    ),
    Case(
        *(GRAY, "Modality LUT, 12 bits stored"),
        lambda: dicom(
            4095 - TWELVE, BitsStored=12, ModalityLUTSequence=[lut(4095 - np.arange(4096))]
        ),
        *("applied", TWELVE),
    ),
    Case(
        *(GRAY, "Pixel Padding Value"),
        lambda: dicom(bordered(SIGNED, -2000), PixelPaddingValue=-2000),
        *("as dark as the darkest other pixel", bordered(SIGNED, SIGNED[:, 4:].min())),
    ),
    Case(
        *(GRAY, "Pixel Padding Value and Range Limit, MONOCHROME1"),
        lambda: dicom(
            bordered(SIXTEEN, 7),
            PixelPaddingValue=0,
            PixelPaddingRangeLimit=9,
            PhotometricInterpretation="MONOCHROME1",
        ),
        "the dark end of what is shown",
        bordered(65535 - SIXTEEN, (65535 - SIXTEEN[:, 4:]).min()),
    ),
)
