"""Header blocks: what a client asks (RFC 9113, section 8; gRPC's "gRPC over HTTP2"), and ours."""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from hpack import Decoder, HPACKError

from wattscan.serving.http2.frames import ConnectionFailed, ErrorCode
from wattscan.units import Seconds

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

LARGEST_LIST = 16 * 1024
"""Bytes of a request's headers, as RFC 9113 counts them (gRPC's own servers take as many)."""

_MOST_REMEMBERED = 64
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
# What belongs to the transport, and is no metadata.
_RESERVED = {"te", "content-type", "connection", "host", "content-length"}
# `:status: 200`, from HPACK's static table.
_OK = b"\x88"


@dataclass(frozen=True)
class Head:
    """What a request's headers say. `path` is empty for what is no gRPC request; `timeout` is None
    without one, `encoding` how its messages may be compressed."""

    path: str
    metadata: Metadata
    timeout: Seconds | None = None
    encoding: str = "identity"


class HeaderReader:
    """Decodes a connection's header blocks, in their order."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=LARGEST_LIST)
        # Clients repeat themselves: a block that left the table alone says the same again, until
        # another one has changed the table.
        self._known: dict[bytes, Head] = {}

    def read(self, block: bytes) -> Head:
        """What it says. Raises: ConnectionFailed: it is no header block, or too large."""
        head = self._known.get(block)
        if head is not None:
            return head
        before = self._state()
        try:
            headers = self._decoder.decode(block, raw=True)
        except HPACKError:
            raise ConnectionFailed(ErrorCode.COMPRESSION_ERROR, "headers") from None
        head = _head([(bytes(h[0]), bytes(h[1])) for h in headers])
        if self._state() != before or len(self._known) == _MOST_REMEMBERED:
            self._known.clear()
        else:
            self._known[block] = head
        return head

    def _state(self) -> tuple[int, object]:
        entries = self._decoder.header_table.dynamic_entries
        return len(entries), entries[0] if entries else None


def _head(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    pseudo: dict[bytes, bytes] = {}
    metadata: list[tuple[str, str | bytes]] = []
    try:
        for name, value in headers:
            if name.startswith(b":"):
                pseudo[name] = value
            else:
                metadata.append(_pair(name.decode("ascii"), value))
        path = pseudo.get(b":path", b"").decode("ascii")
    except (UnicodeDecodeError, binascii.Error):
        return Head("", ())
    known = dict(metadata)
    kind = str(known.get("content-type", ""))
    if pseudo.get(b":method") != b"POST" or not kind.startswith("application/grpc"):
        return Head("", ())
    return Head(
        path,
        tuple(p for p in metadata if p[0] not in _RESERVED and not p[0].startswith("grpc-")),
        _timeout(str(known.get("grpc-timeout", ""))),
        str(known.get("grpc-encoding", "identity")),
    )


def _pair(name: str, value: bytes) -> tuple[str, str | bytes]:
    if name.endswith("-bin"):
        return name, base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    return name, value.decode("ascii")


def _timeout(text: str) -> Seconds | None:
    found = _TIMEOUT.fullmatch(text)
    return Seconds(int(found[1]) * _SECONDS[found[2]]) if found else None


def opening(extra: Metadata = ()) -> bytes:
    """The header block before an answer's messages."""
    headers = b"".join(_literal(name, value) for name, value in extra)
    return _OK + _CONTENT_TYPE + headers


def closing(code: grpc.StatusCode, text: str, metadata: Metadata) -> bytes:
    """The trailers. An answer without messages has `opening()` before them in the same block."""
    number: int = code.value[0]
    parts = [_STATUS[number]]
    if text:
        # gRPC's percent-encoding: what is not printable ASCII, and the percent sign.
        parts.append(_literal("grpc-message", urllib.parse.quote(text, safe=_PRINTABLE)))
    parts += [_literal(name, value) for name, value in metadata]
    return b"".join(parts)


def http_status(status: int) -> bytes:
    """The header block for a request that is not gRPC's."""
    return _literal(":status", str(status))


def _literal(name: str, value: str | bytes) -> bytes:
    """HPACK's literal that leaves the table alone (RFC 7541, section 6.2.2), not Huffman coded."""
    key = name.encode("ascii")
    data = base64.b64encode(value) if isinstance(value, bytes) else value.encode("utf-8")
    return b"".join((b"\x00", _length(len(key)), key, _length(len(data)), data))


def _length(value: int) -> bytes:
    """RFC 7541, section 5.1, with a prefix of seven bits."""
    if value < 0x7F:
        return bytes((value,))
    out, value = bytearray((0x7F,)), value - 0x7F
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_CONTENT_TYPE = _literal("content-type", "application/grpc")
_STATUS = {code.value[0]: _literal("grpc-status", str(code.value[0])) for code in grpc.StatusCode}
