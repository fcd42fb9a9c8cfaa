"""A limit on what a deflated DICOM file may unfold to.

Transfer syntax Deflated Explicit VR Little Endian (PS3.5, A.5): all after the file meta information
is one raw deflate stream, which a few kilobytes can unfold to gigabytes.
"""

from __future__ import annotations

import zlib

from wattscan.contracts import ImageTooLarge, InvalidImage, Limits

_PREAMBLE = 128
_DEFLATED = b"1.2.840.10008.1.2.1.99"
# (0002,0000) UL, 4 bytes long: the length of the rest of the group.
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_META_AT_MOST = 64 * 1024


def check(data: bytes, limits: Limits) -> None:
    """Unfold a deflated file up to the limit. Others are left alone.

    Raises: ImageTooLarge, InvalidImage.
    """
    if _DEFLATED not in data[:_META_AT_MOST]:
        return
    start = _PREAMBLE + 4 if data[_PREAMBLE : _PREAMBLE + 4] == b"DICM" else 0
    begin = start + len(_GROUP_LENGTH)
    if data[start:begin] != _GROUP_LENGTH:
        raise InvalidImage("the deflated DICOM file does not say where its file meta ends")
    end = begin + 4 + int.from_bytes(data[begin : begin + 4], "little")
    if _DEFLATED not in data[begin:end]:
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
