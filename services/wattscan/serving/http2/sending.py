"""Frames as they go out, as far as the client's windows let them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from wattscan.serving.errors import Cancelled
from wattscan.serving.http2 import frames
from wattscan.serving.http2.frames import ErrorCode, check
from wattscan.serving.http2.messages import Message
from wattscan.serving.http2.stream import Stream
from wattscan.serving.http2.transport import Part, Transport
from wattscan.serving.http2.waiting import Signal
from wattscan.units import Seconds

_LONGEST_STALL = Seconds(300.0)
"""A client that makes no room for so long does not want the answer."""


class Sender:
    """Writes to a transport. All but `say` is called with the lock of `changed` held, which is the
    connection's: whatever a waiting thread may wait for, tells it."""

    def __init__(self, transport: Transport) -> None:
        self.changed = Signal()
        self.ended = False
        """Nothing more can be written."""

        self.initial = frames.DEFAULT_WINDOW
        """A new stream's window."""

        self._transport = transport
        self._window = frames.DEFAULT_WINDOW
        self._frame_size = frames.DEFAULT_FRAME

    def say(self, *parts: Part) -> None:
        """Write frames of one's own."""
        with self.changed.lock:
            self.write(parts)

    def write(self, parts: Iterable[Part]) -> None:
        """Write whole frames; nothing, after the end."""
        parts = list(parts)
        if self.ended or not parts:
            return
        try:
            self._transport.write(parts)
        except OSError:
            # The connection's reader notices, and ends the rest.
            self.ended = True
            self._transport.shut()
            self.changed.tell()

    def end(self, *parts: Part) -> None:
        """The last whole frames; who waits is told."""
        self.write(parts)
        self.ended = True
        self.changed.tell()

    def add(
        self,
        parts: list[Part],
        stream: Stream,
        pieces: list[Message],
        wanted: Callable[[Stream], bool],
    ) -> None:
        """Add DATA frames to what is to be written. Where there is no room for all, this writes
        what there is, and waits. Raises: Cancelled, once it is not wanted."""
        rest = [memoryview(piece) for piece in pieces]
        left = sum(map(len, rest))
        while left:
            count = min(left, self._window, stream.window)
            if count <= 0:
                self.write(parts)
                parts.clear()
                self._wait_for_room(stream, wanted)
                continue
            self._window -= count
            stream.window -= count
            left -= count
            _frame(parts, stream.number, rest, count, self._frame_size)

    def widen(self, by: int) -> None:
        """The client has room for more on all streams."""
        self._window += by
        check(self._window <= frames.LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR)

    def set(self, key: int, value: int, streams: Iterable[Stream]) -> None:
        """One of the client's settings. Raises: ConnectionFailed: it may not be so."""
        if key == frames.INITIAL_WINDOW_SIZE:
            check(value <= frames.LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR)
            for stream in streams:
                stream.window += value - self.initial
                check(stream.window <= frames.LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR)
            self.initial = value
        elif key == frames.MAX_FRAME_SIZE:
            check(frames.DEFAULT_FRAME <= value <= frames.LARGEST_FRAME)
            self._frame_size = value
        elif key == frames.ENABLE_PUSH:
            check(value <= 1)

    def _wait_for_room(self, stream: Stream, wanted: Callable[[Stream], bool]) -> None:
        end = time.monotonic() + _LONGEST_STALL
        while min(self._window, stream.window) <= 0:
            if time.monotonic() >= end:
                raise Cancelled("the client takes no answer")
            self.changed.wait(min(stream.patience(), _LONGEST_STALL))
            if not wanted(stream):
                raise Cancelled("the call has ended")


def _frame(
    parts: list[Part], number: int, rest: list[memoryview], count: int, largest: int
) -> None:
    """Add the first so many bytes, which are taken off, in DATA frames of that stream."""
    full, room = frames.head(largest, frames.DATA, 0, number), 0
    while count:
        if not room:
            room = min(count, largest)
            parts.append(full if room == largest else frames.head(room, frames.DATA, 0, number))
        piece = rest[0]
        size = len(piece)
        if size > room:
            piece, rest[0], size = piece[:room], piece[room:], room
        else:
            del rest[0]
        parts.append(piece)
        room -= size
        count -= size
