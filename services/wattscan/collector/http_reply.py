"""A reply over HTTP, read whole, within a size and a time."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from dataclasses import dataclass
from typing import Any

from wattscan.addresses import http_opener
from wattscan.contracts import WattscanError

# For a whole reply; Prometheus itself ends a query after two minutes.
TIMEOUT_SECONDS = 120.0
# What is asked for with all its samples comes hour by hour: at one a second, 0.1 MiB a series, of
# which such a metric has tens. Of the thousands of a histogram only the last sample is asked for.
_LONGEST_REPLY_MIB = 256
_PIECE_BYTES = 1 << 16
_LONGEST_TEXT = 300


@dataclass(frozen=True)
class Reply:
    """A reply, read whole."""

    code: int
    reason: str
    body: bytes

    def document(self) -> Any:
        """What it says; None where that is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could carry the token to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def is_http(address: str) -> bool:
    """Whether it is an http:// or https:// address with a host."""
    try:
        parts = urllib.parse.urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def fetched(request: urllib.request.Request) -> Reply:
    """Raises: OSError, HTTPException, ValueError, zlib.error; WattscanError, without the subject:
    it is too long, or in an encoding that nobody asked for."""
    reply: Any
    try:
        opener = http_opener(request.full_url, _NoRedirect)
        reply = opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        encoding = (reply.headers.get("Content-Encoding") or "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise WattscanError(
                f"answers in the encoding {short(encoding)}, which was not asked for"
            )
        # 16: a gzip header is expected.
        unpacking = None if encoding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 16)
        body, got, begun = bytearray(), 0, time.monotonic()
        # Counted here: before Python 3.13 `read1` does not, and would wait behind the last byte.
        expected: int | None = reply.length
        while piece := reply.read1(_PIECE_BYTES if expected is None else expected - got):
            got += len(piece)
            body += _unpacked(unpacking, piece) if unpacking else piece
            if len(body) > _LONGEST_REPLY_MIB << 20:
                raise WattscanError(
                    f"answers a query with more than {_LONGEST_REPLY_MIB} MiB, which is more than "
                    "a run has: is it the address of a Prometheus HTTP API?"
                )
            if got == expected:
                break
            if time.monotonic() - begun > TIMEOUT_SECONDS:
                break  # nobody waits for it any more
        if (expected is not None and got < expected) or (unpacking and not unpacking.eof):
            raise http.client.HTTPException(f"its answer ends after {got} bytes, too early")
        return Reply(reply.status or 0, str(reply.reason), bytes(body))


def _unpacked(unpacking: Any, piece: bytes) -> bytes:
    # A thousand times its size may come of a piece: no more than would be too long anyway.
    return bytes(unpacking.decompress(piece, (_LONGEST_REPLY_MIB << 20) + 1))


def refusal(reply: Reply) -> str:
    """Why a server refused a query, in its own words."""
    answer = reply.document()
    told = answer.get("error") if isinstance(answer, dict) else None
    return short(told if isinstance(told, str) and told else reply.reason)


def short(text: object) -> str:
    """What another machine says, as much of it as a message has room for."""
    told = str(text)
    return told if len(told) <= _LONGEST_TEXT else f"{told[:_LONGEST_TEXT]}..."
