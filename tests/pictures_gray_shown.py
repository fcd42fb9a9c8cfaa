"""Gray DICOM files: windows, tables of gray, and headers that are odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.data import get_testdata_file
from pydicom.uid import ImplicitVRLittleEndian

from picture_case import AS_STORED, GRAY, Case
from picture_makers import EIGHT, SIGNED, SIXTEEN, TWELVE, bare, bitmaps, dicom, enhanced, lut

GRAY_SHOWN_CASES: tuple[Case, ...] = (
    Case(
        *(GRAY, "Window, where the task does not want it"),
        lambda: dicom(TWELVE, BitsStored=12, WindowCenter="1000", WindowWidth="100"),
        *("left out", TWELVE),
    ),
    *(
        Case(
            *(GRAY, f"Window, where the task wants it{where}"),
            lambda e=e: dicom(SIGNED, RescaleIntercept="100", RescaleSlope="1", **e),
            "8 bits, over the window (PS3.3 C.11.2.1.2)",
            np.rint(np.clip((SIGNED + 100.0 - 1999.5) / 2000 + 0.5, 0, 1) * 255).astype(np.uint8),
            windowed=True,
        )
        for where, e in (
            ("", {"WindowCenter": "2000", "WindowWidth": "2001"}),
            (", several", {"WindowCenter": ["2000", "40"], "WindowWidth": ["2001", "80"]}),
            (", in an enhanced object", enhanced(WindowCenter="2000", WindowWidth="2001")),
        )
    ),
    Case(
        *(GRAY, "Window of LINEAR_EXACT, MONOCHROME1"),
        lambda: dicom(
            *(SIXTEEN,),
            WindowCenter="32768",
            WindowWidth="65536",
            VOILUTFunction="LINEAR_EXACT",
            PhotometricInterpretation="MONOCHROME1",
        ),
        "8 bits, over the window, then inverted",
        255 - np.rint(SIXTEEN / 65536 * 255).astype(np.uint8),
        windowed=True,
    ),
    Case(
        *(GRAY, "VOI LUT, where the task wants it"),
        lambda: dicom(*(TWELVE,), BitsStored=12, VOILUTSequence=[lut(np.arange(4096) // 16)]),
        *("8 bits, over the LUT's own range", (TWELVE // 16).astype(np.uint8)),
        windowed=True,
    ),
    *(
        Case(
            *(GRAY, f"VOI LUT of 4096 entries of 8 bits, {how}"),
            lambda item=item: dicom(TWELVE, BitsStored=12, VOILUTSequence=[item]),
            *("looked up", (TWELVE // 16).astype(np.uint8)),
            windowed=True,
        )
        for how, item in (
            ("a word each", lut(np.arange(4096) // 16, bits=8)),
            ("packed", lut(np.arange(4096) // 16, bits=8, packed=True)),
        )
    ),
    Case(
        *(GRAY, "VOI LUT from -1024 on, after a rescale"),
        lambda: dicom(
            TWELVE,
            ImplicitVRLittleEndian,
            BitsStored=12,
            RescaleSlope="1",
            RescaleIntercept="-1024",
            VOILUTSequence=[lut(np.arange(4096) // 16, first=64512)],
        ),
        *("looked up", (TWELVE // 16).astype(np.uint8)),
        windowed=True,
    ),
    Case(
        *(GRAY, "Modality LUT from -1024 on, 16 bits signed"),
        lambda: dicom(
            SIGNED, ImplicitVRLittleEndian, ModalityLUTSequence=[lut(np.arange(4096), first=64512)]
        ),
        *(
            "applied, its ends for what lies beyond",
            np.minimum(SIGNED + 1024, 4095).astype(np.uint16),
        ),
    ),
    Case(
        *(GRAY, "Pixel Padding Value that no pixel can have"),
        lambda: dicom(TWELVE, BitsStored=12, PixelPaddingValue=65535),
        *("left out", TWELVE),
    ),
    Case(
        *(GRAY, "bitmaps (1 bit), several frames"),
        bitmaps,
        *("0 and 255", (EIGHT[:5, :7] % 2 * 255).astype(np.uint8)),
    ),
    Case(
        *(GRAY, "without a preamble and meta information"),
        lambda: bare(dicom(SIXTEEN, ImplicitVRLittleEndian)),
        *(AS_STORED, SIXTEEN),
    ),
    Case(
        *(GRAY, "a Rescale Slope that is no number"),
        lambda: dicom(EIGHT, RescaleSlope="123", RescaleIntercept="0").replace(b"123 ", b"abc "),
        refused="cannot be applied: it is not as DICOM defines it",
    ),
    Case(
        *(GRAY, "a VOI LUT Function that DICOM does not define"),
        lambda: dicom(EIGHT, WindowCenter="9", WindowWidth="9", VOILUTFunction="FOO"),
        refused="cannot be applied: it is not as DICOM defines it",
        windowed=True,
    ),
    Case(
        *(GRAY, "Window of no width"),
        lambda: dicom(EIGHT, WindowCenter="0", WindowWidth="0"),
        *("left out", EIGHT),
        windowed=True,
    ),
    Case(
        *(GRAY, "JPEG Extended of 12 bits"),
        lambda: Path(get_testdata_file("JPGExtended.dcm")).read_bytes(),
        "decoded by GDCM",
    ),
    Case(
        *(GRAY, "Float Pixel Data"),
        lambda: dicom(EIGHT, FloatPixelData=bytes(4 * EIGHT.size)),
        refused="Float Pixel Data (7FE0,0008)",
    ),
    Case(
        *(GRAY, "no Photometric Interpretation"),
        lambda: dicom(EIGHT, PhotometricInterpretation=None),
        refused="has no Photometric Interpretation (0028,0004)",
    ),
    Case(
        *(GRAY, "Photometric Interpretation in lower case"),
        lambda: dicom(EIGHT, PhotometricInterpretation="monochrome2"),
        refused="is one that DICOM does not define",
    ),
    Case(
        *(GRAY, "High Bit other than Bits Stored - 1 (retired)"),
        lambda: dicom(TWELVE * 16, BitsStored=12, HighBit=15),
        refused="High Bit (0028,0102)",
    ),
    Case(
        *(GRAY, "no Bits Allocated"),
        lambda: dicom(EIGHT, BitsAllocated=None),
        refused="has no Bits Allocated (0028,0100)",
    ),
)
