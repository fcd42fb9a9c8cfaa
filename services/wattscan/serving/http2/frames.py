"""HTTP/2's frames and numbers (RFC 9113, sections 4, 6 and 7)."""

from __future__ import annotations

import struct
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = 9
"""Bytes before each frame's payload."""

DATA, HEADERS, RST_STREAM, SETTINGS = 0, 1, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9

ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 5, 6

LARGEST_WINDOW = 2**31 - 1
LARGEST_FRAME = 2**24 - 1
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME = 16_384


class ErrorCode(IntEnum):
    """Why a stream is reset, or a connection ended."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class ConnectionFailed(Exception):
    """The peer broke the protocol: the connection ends."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.code = code


def check(right: bool, code: ErrorCode = ErrorCode.PROTOCOL_ERROR) -> None:
    """Raises: ConnectionFailed, if something is not right."""
    if not right:
        raise ConnectionFailed(code)


def head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The nine bytes before a payload."""
    return struct.pack(">IBI", length << 8 | kind, flags, stream)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A whole frame."""
    return head(len(payload), kind, flags, stream) + payload


def headers(stream: int, block: bytes, last: bool) -> bytes:
    """A HEADERS frame with a whole block, which must fit into one."""
    return frame(HEADERS, END_HEADERS | (END_STREAM if last else 0), stream, block)


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *item) for item in values.items()))


def window_update(stream: int, by: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", by))


def reset(stream: int, code: ErrorCode) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last: int, code: ErrorCode) -> bytes:
    """A GOAWAY frame, without debug data: nothing of a client's is repeated."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code))
