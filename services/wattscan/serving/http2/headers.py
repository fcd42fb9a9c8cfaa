"""What a client's header blocks say (RFC 9113, section 8; RFC 7541; gRPC's "gRPC over HTTP2")."""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from hpack import Decoder, HPACKError
from hpack.table import HeaderTable

from wattscan.serving.http2 import replies
from wattscan.serving.http2.frames import ConnectionFailed, ErrorCode
from wattscan.units import Seconds

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

LARGEST_LIST = 16 * 1024
"""Bytes of a request's headers, as RFC 9113 counts them (gRPC's own servers take as many)."""

# Up to here a call is refused; beyond, its connection ends: the block is not decoded to its end.
_LARGEST_DECODED = 4 * LARGEST_LIST
_ENTRY = 32  # bytes that RFC 7541 adds for each header
_MOST_REMEMBERED = 64

_PSEUDO = {b":method", b":scheme", b":authority", b":path"}
_NAME = re.compile(rb"[0-9a-z!#$%&'*+.^_`|~-]+")
_KIND = re.compile(r"application/grpc(?:[+;].*)?")
_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
# What belongs to the transport, and is no metadata.
_RESERVED = {"te", "content-type", "connection", "host", "content-length"}

# It would show a client's words to whoever looks for ours.
logging.getLogger("hpack").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Head:
    """What a request's headers say. `timeout` is None without one; `encoding` is how its messages
    may be compressed."""

    path: str
    metadata: Metadata
    timeout: Seconds | None = None
    encoding: str = "identity"


class Malformed(Exception):
    """No request, as RFC 9113 (section 8.1.1) has it: its stream is reset."""


class Unanswerable(Exception):
    """A request that gets the same answer whatever it asks.

    Args:
        block: that answer's headers.
    """

    def __init__(self, block: bytes) -> None:
        super().__init__()
        self.block = block


class HeaderReader:
    """Decodes a connection's header blocks, in their order."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=_LARGEST_DECODED)
        self._table = self._decoder.header_table = _Table()
        # Clients repeat themselves: a block that leaves the table alone says the same again, until
        # another one has changed the table.
        self._known: dict[bytes, Head] = {}

    def read(self, block: bytes) -> Head:
        """What it says. Raises: ConnectionFailed: nothing; Malformed, Unanswerable."""
        head = self._known.get(block)
        if head is not None:
            return head
        before = self._table.changes
        headers = self.decode(block)
        changed = self._table.changes != before
        if changed or len(self._known) == _MOST_REMEMBERED:
            self._known.clear()
        head = _head(headers)
        if not changed:
            self._known[block] = head
        return head

    def decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """Of a block that is no request's, such as trailers. Raises: ConnectionFailed."""
        try:
            headers = self._decoder.decode(block, raw=True)
        except HPACKError:
            raise ConnectionFailed(ErrorCode.COMPRESSION_ERROR) from None
        return [(bytes(header[0]), bytes(header[1])) for header in headers]


class _Table(HeaderTable):
    """Knows whether it has changed."""

    changes = 0

    @property
    def maxsize(self) -> int:
        return super().maxsize

    @maxsize.setter
    def maxsize(self, size: int) -> None:
        self.changes += 1
        HeaderTable.maxsize.__set__(self, size)  # type: ignore[attr-defined]

    def add(self, name: bytes, value: bytes) -> None:
        self.changes += 1
        super().add(name, value)


def _head(headers: list[tuple[bytes, bytes]]) -> Head:
    if sum(len(name) + len(value) + _ENTRY for name, value in headers) > LARGEST_LIST:
        text = f"the headers have more than {LARGEST_LIST} bytes"
        raise Unanswerable(replies.only(grpc.StatusCode.RESOURCE_EXHAUSTED, text))
    pseudo = _pseudo(headers)
    pairs = [pair for name, value in headers[len(pseudo) :] for pair in _pairs(name, value)]
    known = {name: value for name, value in pairs if isinstance(value, str)}
    if pseudo[b":method"] != b"POST":
        raise Unanswerable(replies.http_status(405))
    if not _KIND.fullmatch(known.get("content-type", "")):
        raise Unanswerable(replies.http_status(415))
    return Head(
        pseudo[b":path"].decode("latin-1"),
        tuple(p for p in pairs if p[0] not in _RESERVED and not p[0].startswith("grpc-")),
        _timeout(known.get("grpc-timeout", "")),
        known.get("grpc-encoding", "identity"),
    )


def _pseudo(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Those that HTTP itself defines come first, each once. Raises: Malformed."""
    pseudo: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in _PSEUDO:
            break  # also one that is not defined: its name is none of a header's either
        if name in pseudo:
            raise Malformed
        pseudo[name] = value
    if not pseudo.get(b":method") or not pseudo.get(b":scheme") or not pseudo.get(b":path"):
        raise Malformed
    return pseudo


def _pairs(name: bytes, value: bytes) -> Iterable[tuple[str, str | bytes]]:
    """A header as metadata: several, where binary ones are joined. Raises: Malformed."""
    if not _NAME.fullmatch(name):
        raise Malformed
    key = name.decode("ascii")
    if not key.endswith("-bin"):
        return ((key, value.decode("latin-1")),)
    try:
        return [(key, _binary(each.strip())) for each in value.split(b",")]
    except binascii.Error:
        raise Malformed from None


def _binary(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def _timeout(text: str) -> Seconds | None:
    found = _TIMEOUT.fullmatch(text)
    return Seconds(int(found[1]) * _SECONDS[found[2]]) if found else None
