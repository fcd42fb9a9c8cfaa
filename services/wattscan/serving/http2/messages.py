"""gRPC's messages, put together from what DATA frames carry ("gRPC over HTTP2")."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import grpc
import numpy as np

from wattscan.serving.errors import NotOffered, RequestRefused

Message: TypeAlias = bytes | memoryview

PREFIX = 5
"""Bytes before each message: whether it is compressed, and its length."""

# From here on a copy would cost more than a view does its readers.
_LARGE = 64 * 1024
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_ENCODINGS = ", ".join(("identity", *_WINDOWS))


class TooLarge(RequestRefused):
    """A message over the limit."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class Broken(RequestRefused):
    """What stands in place of a message is none."""

    status = grpc.StatusCode.INTERNAL


class Assembler:
    """Takes in a stream's bytes, gives its messages: each as a function that opens it.

    A message is read from the socket to where it stays: `room` is that place.
    """

    __slots__ = ("_encoding", "_fill", "_largest", "_packed", "_prefix", "_room")

    def __init__(self, largest: int, encoding: str) -> None:
        self._largest = largest
        self._encoding = encoding
        self._prefix = b""
        self._packed = False
        self._room: memoryview | None = None
        self._fill = 0

    @property
    def begun(self) -> bool:
        """Whether a message has begun that is not whole."""
        return bool(self._prefix)

    @property
    def room(self) -> memoryview | None:
        """Where the message's next bytes belong; None: its prefix comes first."""
        return None if self._room is None else self._room[self._fill :]

    def prefix(self, data: bytes) -> int:
        """Take what belongs to a message's prefix; how many bytes that was. Raises: TooLarge."""
        taken = data[: PREFIX - len(self._prefix)]
        self._prefix += taken
        if len(self._prefix) == PREFIX:
            packed, length = struct.unpack(">BI", self._prefix)
            if length > self._largest:
                raise TooLarge(f"the message has {length} bytes; the limit is {self._largest}")
            self._packed = bool(packed)
            # Not zeroed, as bytearray's memory is.
            self._room, self._fill = memoryview(np.empty(length, np.uint8).data), 0
        return len(taken)

    def filled(self, count: int) -> Callable[[], Message] | None:
        """So many bytes have been put into the room; the message, if it is whole."""
        self._fill += count
        if self._room is None or self._fill < len(self._room):
            return None
        message, self._room, self._prefix = self._room, None, b""
        return partial(_opened, message, self._packed, self._encoding, self._largest)


def _opened(message: memoryview, packed: bool, encoding: str, largest: int) -> Message:
    """Raises: RequestRefused."""
    if not packed:
        return message if len(message) >= _LARGE else message.tobytes()
    window = _WINDOWS.get(encoding)
    if window is None:
        raise NotOffered(f"messages may be compressed as one of {_ENCODINGS}")
    try:
        decoder = zlib.decompressobj(window)
        data = decoder.decompress(message, largest + 1)
    except zlib.error:
        raise Broken("the message cannot be decompressed") from None
    if len(data) > largest:
        raise TooLarge(f"the message has more than {largest} bytes, decompressed")
    if not decoder.eof:
        raise Broken("the message cannot be decompressed")
    return data


def framed(message: Message) -> list[Message]:
    """A message as it goes out, in parts: never compressed."""
    return [struct.pack(">BI", 0, len(message)), message]
