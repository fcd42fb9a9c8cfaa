"""PNG, JPEG and TIFF files."""

from __future__ import annotations

import numpy as np
from PIL import Image

from picture_case import AS_STORED, OTHERS, Case
from picture_makers import (
    COLOUR,
    EIGHT,
    SIGNED,
    SIXTEEN,
    alpha,
    bordered,
    compressed,
    deflated_tiff,
    huge_tile,
    jpeg_of_twelve_bits,
    saved,
    tiff,
    turned,
)
from picture_png import few_bits, png, wide_alpha, widened

RASTER_CASES: tuple[Case, ...] = (
    *(
        Case(
            *(OTHERS, f"TIFF, 16 bits, {name}"),
            lambda o=o: tiff(SIXTEEN, o),
            *(AS_STORED, SIXTEEN),
        )
        for name, o in (("little-endian", "<"), ("big-endian", ">"))
    ),
    Case(
        *(OTHERS, "TIFF, 16 bits, signed"),
        lambda: tiff(SIGNED, sample=2),
        *(AS_STORED, SIGNED),
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
            *(AS_STORED, (EIGHT / 3).astype(np.float32)),
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
        *(AS_STORED, SIXTEEN),
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
        *(AS_STORED, SIXTEEN),
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
