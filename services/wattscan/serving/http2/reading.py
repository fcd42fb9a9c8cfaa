"""Frames as they come in. A message's bytes go past the buffer, to where they stay."""

from __future__ import annotations

import struct
from typing import NamedTuple

from wattscan.serving.http2 import frames
from wattscan.serving.http2.frames import ConnectionFailed, ErrorCode, check
from wattscan.serving.http2.series import Series, read_series
from wattscan.serving.http2.transport import Transport

LARGEST_CONTROL = 32 * 1024
"""Bytes of any frame but DATA, and of a header block in several frames."""

_HEAD = struct.Struct(">IBI")
_BUFFER = LARGEST_CONTROL + frames.HEAD
_AT_ONCE = 4096  # while it is not known where bytes belong: those are copied
# Frames that are guessed at once: few after a wrong guess, since what it brought is copied.
_FEWEST, _MOST = 2, 64


class Frame(NamedTuple):
    """What the nine bytes before a payload say."""

    kind: int
    flags: int
    number: int
    """Of its stream."""

    length: int
    """Bytes of the payload."""


class FrameReader:
    """Reads a transport. Everything raises OSError, or EOFError at the end."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._hold(b"")
        self._guess = _MOST
        self.left = 0
        """Bytes of the frame's payload that are not read yet."""

    def preface(self) -> None:
        """What every HTTP/2 connection begins with. Raises: EOFError: not this one."""
        begin = 0
        for end in (3, len(frames.PREFACE)):  # an HTTP/1 request may be shorter than all
            if self._take(end - begin) != frames.PREFACE[begin:end]:
                raise EOFError
            begin = end

    def next(self) -> Frame:
        """The next one; of a DATA frame, the payload is still to be read."""
        if self._end - self._begin < frames.HEAD:
            self._need(frames.HEAD)
        sized, flags, number = _HEAD.unpack_from(self._buffer, self._begin)
        self._begin += frames.HEAD
        self.left = sized >> 8
        kind = sized & 0xFF
        if self.left > LARGEST_CONTROL and kind != frames.DATA:
            raise ConnectionFailed(ErrorCode.FRAME_SIZE_ERROR)
        return Frame(kind, flags, number & frames.LARGEST_WINDOW, self.left)

    def payload(self) -> bytes:
        """All that is left of a frame that is not DATA."""
        count, self.left = self.left, 0
        return self._take(count)

    def some(self, most: int) -> bytes:
        """Of the payload one byte at least, and what else is there already."""
        self._need(1)
        count = min(most, self.left, self._end - self._begin)
        self.left -= count
        return self._take(count)

    def fill(self, room: memoryview) -> None:
        """The payload's next bytes, as many as there is room for."""
        here = self._pour(room)
        self.left -= len(room)
        if here < len(room):
            self._transport.fill(room[here:])

    def series(self, number: int, room: memoryview) -> Series:
        """All that is left of a DATA frame of 16 KiB, and those behind it that look like it.

        Args:
            number: the stream's.
            room: where they belong; there is more of it than is left of the frame.
        """
        here = self._pour(room[: self.left])
        left, self.left = self.left - here, 0
        if self._begin < self._end:
            return Series(0, False, b"")
        found = read_series(self._transport, number, room[here:], left, self._guess)
        self._guess = _FEWEST if found.rest else min(2 * self._guess, _MOST)
        if found.rest:
            self._hold(found.rest)
        return found

    def skip(self) -> None:
        """What is left of the payload."""
        while self.left:
            self.some(self.left)

    def _pour(self, room: memoryview) -> int:
        """Fill it from the buffer, as far as that goes; returns how far."""
        here = min(len(room), self._end - self._begin)
        if here:
            room[:here] = self._view[self._begin : self._begin + here]
            self._begin += here
        return here

    def _hold(self, data: bytes) -> None:
        """Have that in the buffer, and nothing else."""
        self._buffer = bytearray(max(_BUFFER, len(data)))
        self._view = memoryview(self._buffer)
        self._view[: len(data)] = data
        self._begin, self._end = 0, len(data)

    def _take(self, count: int) -> bytes:
        if self._end - self._begin < count:
            self._need(count)
        self._begin += count
        return bytes(self._view[self._begin - count : self._begin])

    def _need(self, count: int) -> None:
        """Have so many bytes in the buffer."""
        while self._end - self._begin < count:
            if self._begin == self._end:
                if len(self._buffer) > _BUFFER:
                    self._hold(b"")
                self._begin = self._end = 0
            elif self._begin + count > len(self._buffer):
                rest = self._buffer[self._begin : self._end]
                self._buffer[: len(rest)] = rest
                self._begin, self._end = 0, len(rest)
            most = self._end + max(_AT_ONCE, count)
            got = self._transport.read_into(self._view[self._end : most])
            if not got:
                raise EOFError
            self._end += got


def unpadded(frame: Frame, payload: bytes) -> bytes:
    """A HEADERS frame's fragment, without padding and priority. Raises: ConnectionFailed."""
    begin, padding = 0, 0
    if frame.flags & frames.PADDED:
        check(len(payload) > 0)
        begin, padding = 1, payload[0]
    if frame.flags & frames.WITH_PRIORITY:
        begin += 5
    check(begin + padding <= len(payload))
    return payload[begin : len(payload) - padding]
