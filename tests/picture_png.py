"""PNG files, made by hand."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from picture_makers import EIGHT, SIXTEEN, Values


def png(kind: int, depth: int, rows: Values, transparent: tuple[int, ...] = ()) -> bytes:
    """A PNG as Pillow writes none: `kind` is its colour type, `rows` are packed bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        told = name + data
        return struct.pack(">I", len(data)) + told + struct.pack(">I", zlib.crc32(told))

    width = rows.shape[1] * 8 // depth // {0: 1, 2: 3, 4: 2}[kind]
    header = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    samples = struct.pack(f">{len(transparent)}H", *transparent)
    given = chunk(b"tRNS", samples) if transparent else b""
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + given
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def few_bits(depth: int, transparent: int) -> bytes:
    """The highest bits of EIGHT, packed."""
    values = EIGHT >> (8 - depth)
    parts = values.reshape(len(values), -1, 8 // depth)
    shifts = np.arange(8 - depth, -1, -depth)
    return png(0, depth, (parts << shifts).sum(-1).astype(np.uint8), (transparent,))


def widened(depth: int, but: int) -> Values:
    """What `few_bits` shows, with one of its grays black."""
    values = EIGHT >> (8 - depth)
    return np.where(values == but, 0, values * (255 // (2**depth - 1))).astype(np.uint8)


def wide_alpha() -> bytes:
    """16 bits of gray, and all of them there."""
    pairs = np.stack([SIXTEEN, np.full_like(SIXTEEN, 65535)], -1).astype(">u2")
    return png(4, 16, pairs.reshape(len(pairs), -1).view(np.uint8))
