"""Frames that look alike, many read at once.

gRPC for Go, nghttp2 and others send a large message in frames of 16 KiB. One by one, each costs two
system calls and two dozen steps; here their payloads are read to where they stay, on the guess that
what stands between them is the same head again, and that the message's end is its stream's. What
was guessed wrong is given back.
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from wattscan.serving.http2 import frames
from wattscan.serving.http2.frames import HEAD
from wattscan.serving.http2.transport import Transport


class Series(NamedTuple):
    """What was read behind a frame."""

    length: int
    """Bytes, of the payloads of frames that were as guessed."""

    ended: bool
    """Whether the last of them ended the stream."""

    rest: bytes
    """What came behind them, and was not."""


def read_series(
    transport: Transport, number: int, room: memoryview, left: int, most: int
) -> Series:
    """Read the rest of a frame of 16 KiB, and those behind it: more of these, and one that fills
    the room and ends the stream.

    Args:
        transport: in the frame's payload.
        number: the stream's.
        room: where the message's next bytes belong, more than are left of the frame.
        left: bytes of the frame that have not been read.
        most: frames that are guessed; each takes two of the 1024 buffers that the kernel allows.

    Raises:
        OSError, EOFError: see `Transport`.
    """
    size, stride = frames.DEFAULT_FRAME, HEAD + frames.DEFAULT_FRAME
    to_the_end = left + size * most >= len(room)
    end = len(room) if to_the_end else left + size * most
    payloads = [room[begin : min(begin + size, end)] for begin in range(left, end, size)]
    expected = frames.head(size, frames.DATA, 0, number) * len(payloads)
    if to_the_end:
        last = frames.head(len(payloads[-1]), frames.DATA, frames.END_STREAM, number)
        expected = expected[:-HEAD] + last
    heads = memoryview(bytearray(len(expected)))
    each = [heads[begin : begin + HEAD] for begin in range(0, len(heads), HEAD)]
    places = list(chain.from_iterable(zip(each, payloads, strict=True)))
    coming = _Places([room[:left], *places])
    got, wrong = 0, False
    while coming and not wrong:
        if got and (got < left or (got - left) % stride >= HEAD):
            # All of a payload that has begun must come: it is waited for in the kernel.
            got += coming.fill(transport)
        else:
            got += coming.read(transport)
        seen = (got - left + size) // stride * HEAD  # of heads that are whole
        wrong = heads[:seen] != expected[:seen]
    if not wrong:
        return Series(end - left, to_the_end, b"")
    done = next(n for n, head in enumerate(each) if head != expected[HEAD * n : HEAD * (n + 1)])
    return Series(size * done, False, _joined(places[2 * done :], got - left - stride * done))


class _Places:
    """Where bytes belong that are still to come."""

    def __init__(self, views: list[memoryview]) -> None:
        self._views = [view for view in views if view]
        self._next = 0

    def __bool__(self) -> bool:
        return self._next < len(self._views)

    def read(self, transport: Transport) -> int:
        """What there is."""
        rest = count = transport.read_parts(self._views[self._next :])
        while self and rest >= len(self._views[self._next]):
            rest -= len(self._views[self._next])
            self._next += 1
        if rest:
            self._views[self._next] = self._views[self._next][rest:]
        return count

    def fill(self, transport: Transport) -> int:
        """All of the first."""
        view = self._views[self._next]
        transport.fill(view)
        self._next += 1
        return len(view)


def _joined(views: list[memoryview], count: int) -> bytes:
    """The first so many bytes of them."""
    parts = []
    for view in views:
        parts.append(view[:count])
        count -= len(parts[-1])
        if not count:
            break
    return b"".join(parts)
