"""gRPC's messages, put together from what DATA frames carry ("gRPC over HTTP2")."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple, TypeAlias

import grpc
import numpy as np

from wattscan.serving.errors import NotOffered, RequestRefused

Message: TypeAlias = bytes | memoryview
Answer: TypeAlias = Message | list[Message]
"""A message as it goes out; a large one in parts, so that nobody copies it."""

PREFIX = 5
"""Bytes before each message: whether it is compressed, and its length."""

# From here on a copy would cost more than a view does its readers.
_LARGE = 64 * 1024
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class TooLarge(RequestRefused):
    """A message over the limit."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class Broken(RequestRefused):
    """What stands in place of a message is none."""

    status = grpc.StatusCode.INTERNAL


class Assembler:
    """Takes in a stream's bytes, gives its messages.

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
    def missing(self) -> int:
        """Bytes of the next message's prefix."""
        return PREFIX - len(self._prefix)

    @property
    def room(self) -> memoryview | None:
        """Where the message's next bytes belong; None: its prefix comes first."""
        return None if self._room is None else self._room[self._fill :]

    def prefix(self, data: bytes) -> None:
        """Take some of the missing bytes. Raises: RequestRefused."""
        self._prefix += data
        if self.missing:
            return
        packed, length = struct.unpack(">BI", self._prefix)
        if length > self._largest:
            raise TooLarge(f"the message has {length} bytes; the limit is {self._largest}")
        if packed > 1 or (packed and self._encoding == "identity"):
            raise Broken("a message is compressed, and its call's headers do not say how")
        try:
            # Not zeroed, as bytearray's memory is.
            self._room, self._fill = memoryview(np.empty(length, np.uint8).data), 0
        except MemoryError:
            raise TooLarge(f"there is no memory for a message of {length} bytes") from None
        self._packed = bool(packed)

    def filled(self, count: int) -> Received | None:
        """So many bytes have been put into the room; the message, if it is whole."""
        self._fill += count
        if self._room is None or self._fill < len(self._room):
            return None
        data, self._room, self._prefix = self._room, None, b""
        return Received(data if len(data) >= _LARGE else data.tobytes(), self._packed)

    def opened(self, received: Received) -> Message:
        """Without its compression. Raises: RequestRefused."""
        if not received.packed:
            return received.data
        window = _WINDOWS.get(self._encoding)
        if window is None:
            raise NotOffered(f"messages may be compressed as one of {', '.join(_WINDOWS)}")
        return _unpacked(received.data, window, self._largest)


class Received(NamedTuple):
    """A message as it came."""

    data: Message
    packed: bool


def _unpacked(data: Message, window: int, largest: int) -> bytes:
    decoder = zlib.decompressobj(window)
    try:
        message = decoder.decompress(data, largest + 1)
    except zlib.error:
        raise Broken("the message cannot be decompressed") from None
    if len(message) > largest:
        raise TooLarge(f"the message has more than {largest} bytes, decompressed")
    if not decoder.eof or decoder.unused_data:
        raise Broken("the message cannot be decompressed")
    return message


def framed(message: Answer) -> list[Message]:
    """With its prefix: never compressed."""
    parts = message if isinstance(message, list) else [message]
    return [struct.pack(">BI", 0, sum(map(len, parts))), *parts]
