"""A limit on what a deflated DICOM file may unfold to.

Transfer syntax Deflated Explicit VR Little Endian (PS3.5, A.5): all after the file meta information
is one raw deflate stream, which a few kilobytes can unfold to gigabytes.
"""

from __future__ import annotations

import zlib

from wattscan.contracts import ImageTooLarge, InvalidImage, Limits

_PREAMBLE = 128
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_META = b"\x02\x00"
# Whose length has four bytes, after two that are reserved (PS3.5, 7.1.2).
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")


def check(data: bytes, limits: Limits) -> None:
    """Unfold a deflated file up to the limit. Others are left alone.

    Raises: ImageTooLarge, InvalidImage.
    """
    start = _PREAMBLE + 4 if data[_PREAMBLE : _PREAMBLE + 4] == b"DICM" else 0
    end = _end_of_meta(data, start)
    if _DEFLATED not in data[start:end]:
        return
    unfolding = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unfolded = unfolding.decompress(data[end:], limits.max_bytes + 1)
    except zlib.error:
        raise InvalidImage("the deflated DICOM file is truncated or corrupt") from None
    if len(unfolded) > limits.max_bytes:
        raise ImageTooLarge(
            f"the deflated DICOM file unfolds to more than {limits.max_bytes} bytes"
        )


def _end_of_meta(data: bytes, at: int) -> int:
    """Where group 0002 ends, by its elements: its own length may be wrong."""
    while data[at : at + 2] == _META:
        if data[at + 4 : at + 6] in _LONG:
            at += 12 + int.from_bytes(data[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(data[at + 6 : at + 8], "little")
    return at
