"""Image files of every kind that matters, with what is read of each, or why it is refused.

`docs/serving.md` has its table from these cases, and `tests/unit/imaging/test_pictures.py` tries
each. A right value is computed here, by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from picture_makers import (
    COLOUR,
    EIGHT,
    PAIRS,
    SIGNED,
    SIXTEEN,
    TWELVE,
    Values,
    alpha,
    bare,
    bitmaps,
    bordered,
    compressed,
    deflated_tiff,
    dicom,
    enhanced,
    few_bits,
    halved,
    huge_tile,
    jpeg_of_twelve_bits,
    lut,
    palette,
    png,
    saved,
    tiff,
    turned,
    wide_alpha,
    widened,
    ybr,
)

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
_AS_STORED = "as stored"
_MONOCHROME1 = "inverted about the range of its type"
_REVERSED = 255 - np.arange(256)

CASES: tuple[Case, ...] = (
    *(
        Case(GRAY, f"{bits} bits, {name}", lambda v=v, s=s: dicom(v, s), _AS_STORED, v)
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
            *(_MONOCHROME1, want),
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
        lambda: dicom(255 - EIGHT, ModalityLUTSequence=[lut(_REVERSED * 257)]),
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
        *(_AS_STORED, SIXTEEN),
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
    *(
        Case(COLOURS, f"RGB, {name}", lambda e=e: dicom(COLOUR, **e), _AS_STORED, COLOUR)
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
    *(
        Case(
            *(OTHERS, f"TIFF, 16 bits, {name}"),
            lambda o=o: tiff(SIXTEEN, o),
            *(_AS_STORED, SIXTEEN),
        )
        for name, o in (("little-endian", "<"), ("big-endian", ">"))
    ),
    Case(
        *(OTHERS, "TIFF, 16 bits, signed"),
        lambda: tiff(SIGNED, sample=2),
        *(_AS_STORED, SIGNED),
    ),
    *(
        Case(
            *(OTHERS, f"TIFF, MinIsWhite, {v.itemsize * 8} bits"),
            lambda v=v: tiff(np.iinfo(v.dtype).max - v, photometric=0),
            *("inverted", v),
        )
        for v in (EIGHT, SIXTEEN)
    ),
    Case(
        *(OTHERS, "TIFF, 32 bits, little-endian"),
        lambda: tiff(SIXTEEN.astype(np.uint32) * 60000),
        *("as floating point, beyond 2^31 too", (SIXTEEN * 60000.0).astype(np.float32)),
    ),
    Case(
        *(OTHERS, "TIFF, 32 bits, big-endian"),
        lambda: tiff(SIXTEEN.astype(np.uint32) * 60000, ">"),
        refused="of a kind that is not read: big-endian, bits a sample 32",
    ),
    *(
        Case(
            *(OTHERS, f"TIFF, floating point, {name}"),
            lambda o=o: tiff((EIGHT / 3).astype(np.float32), o, sample=3),
            *(_AS_STORED, (EIGHT / 3).astype(np.float32)),
        )
        for name, o in (("little-endian", "<"), ("big-endian", ">"))
    ),
    *(
        Case(OTHERS, f"TIFF, {name}", lambda made=made: made, refused=refused)
        for name, made, refused in (
            (
                "8 bits, signed",
                tiff((EIGHT.astype(int) - 128).astype(np.int8), sample=2),
                "has signed samples of 8 bits",
            ),
            (
                "16 bits, signed, big-endian and compressed",
                deflated_tiff(),
                "is big-endian and compressed",
            ),
            ("WebP inside", compressed(50001), "has compression 50001, which is not read"),
            ("BigTIFF, big-endian", b"MM\0+\0\x08\0\0" + bytes(64), "big-endian BigTIFF"),
            (
                "a small one in a tile of 46,340 x 46,340",
                huge_tile(),
                "46340 x 46340",
            ),
        )
    ),
    Case(
        *(OTHERS, "BigTIFF"),
        lambda: saved(SIXTEEN, "TIFF", big_tiff=True),
        *(_AS_STORED, SIXTEEN),
    ),
    *(
        Case(
            *(OTHERS, f"{kind} of {v.itemsize * 8} bits with an orientation (EXIF)"),
            lambda kind=kind, v=v: turned(kind, v),
            *("rotated upright", v),
            off=9 if kind == "JPEG" else 0,
        )
        for kind, v in (
            *(("PNG", EIGHT), ("PNG", SIXTEEN), ("TIFF", EIGHT), ("TIFF", SIXTEEN)),
            ("JPEG", EIGHT),
        )
    ),
    Case(
        *(OTHERS, "PNG, 16 bits"),
        lambda: saved(SIXTEEN, "PNG"),
        *(_AS_STORED, SIXTEEN),
    ),
    Case(
        *(OTHERS, "PNG, palette"),
        lambda: saved(Image.fromarray(COLOUR // 64 * 64).quantize(256), "PNG"),
        *("looked up", COLOUR // 64 * 64),
    ),
    Case(
        *(OTHERS, "PNG, alpha"),
        lambda: saved(alpha(), "PNG"),
        *("over black: what is not there is dark", bordered(EIGHT, 0)),
    ),
    Case(
        *(OTHERS, "PNG, one transparent gray (`tRNS`), 8 bits"),
        lambda: saved(bordered(EIGHT, 19), "PNG", transparency=19),
        *("that gray is black", bordered(EIGHT, 0)),
    ),
    Case(
        *(OTHERS, "PNG, one transparent gray (`tRNS`), 16 bits"),
        lambda: saved(bordered(SIXTEEN, 19), "PNG", transparency=19),
        *("that gray is black", bordered(SIXTEEN, 0)),
    ),
    *(
        Case(
            *(OTHERS, f"PNG, one transparent gray (`tRNS`), {depth} bits"),
            # Its lower bits alone count.
            lambda d=depth: few_bits(d, 0xFF00 + 1),
            *("that gray is black, the others over 8 bits", widened(depth, but=1)),
        )
        for depth in (2, 4)
    ),
    Case(
        *(OTHERS, "PNG, colours of 16 bits, one of them transparent (`tRNS`)"),
        lambda: png(2, 16, np.zeros((2, 12), np.uint8), (0x1234, 0x1234, 0x1234)),
        refused="colours of 16 bits of which one is transparent",
    ),
    Case(
        *(OTHERS, "PNG, gray of 16 bits with alpha"),
        wide_alpha,
        *("its higher 8 bits, over black", (SIXTEEN >> 8).astype(np.uint8)),
    ),
    Case(
        *(OTHERS, "JPEG of 12 bits"),
        jpeg_of_twelve_bits,
        refused="the JPEG file has 12 bits a sample",
    ),
)
