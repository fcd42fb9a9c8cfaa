"""The header blocks of answers. They leave HPACK's table alone, and need none of the client's."""

from __future__ import annotations

import base64
import functools
import urllib.parse
from collections.abc import Iterable

import grpc

_LONGEST_TEXT = 4096  # bytes: a header block must fit into one frame
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


def opening() -> bytes:
    """The block before an answer's messages."""
    return _OPENING


def closing(code: grpc.StatusCode, text: str, metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    """The trailers. An answer without messages has `opening()` before them in the same block."""
    parts = [_STATUS[code]]
    if text:
        parts.append(_literal("grpc-message", _encoded(text)))
    parts += [_literal(name, value) for name, value in metadata]
    return b"".join(parts)


def only(code: grpc.StatusCode, text: str) -> bytes:
    """An answer without messages."""
    return opening() + closing(code, text, ())


def http_status(status: int) -> bytes:
    """The block for a request that is not gRPC's."""
    return _literal(":status", str(status))


def _encoded(text: str) -> str:
    """gRPC's percent-encoding: of what is not printable ASCII, and of the percent sign."""
    quoted = urllib.parse.quote(text, safe=_PRINTABLE, errors="replace")
    if len(quoted) <= _LONGEST_TEXT:
        return quoted
    cut = quoted[:_LONGEST_TEXT]
    while "%" in cut[-2:]:
        cut = cut[:-1]
    return cut


def _literal(name: str, value: str | bytes) -> bytes:
    """HPACK's literal that leaves the table alone (RFC 7541, section 6.2.2), not Huffman coded."""
    data = base64.b64encode(value) if isinstance(value, bytes) else value.encode("utf-8")
    length = _SHORT[len(data)] if len(data) < 0x7F else _length(len(data))
    return _named(name) + length + data


@functools.cache  # the names are ours, and few
def _named(name: str) -> bytes:
    key = name.encode("ascii")
    return b"\x00" + _length(len(key)) + key


def _length(value: int) -> bytes:
    """RFC 7541, section 5.1, with a prefix of seven bits."""
    if value < 0x7F:
        return _SHORT[value]
    out, value = bytearray((0x7F,)), value - 0x7F
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SHORT = [bytes((value,)) for value in range(0x7F)]
# `:status: 200`, from HPACK's static table; then what messages may be compressed as.
_OPENING = b"".join(
    (
        b"\x88",
        _literal("content-type", "application/grpc"),
        _literal("grpc-accept-encoding", "identity, deflate, gzip"),
    )
)
_STATUS = {code: _literal("grpc-status", str(code.value[0])) for code in grpc.StatusCode}
