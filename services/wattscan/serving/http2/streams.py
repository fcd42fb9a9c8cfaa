"""The streams of a connection: which are open, what of theirs is waited for, how they end."""

from __future__ import annotations

import contextlib
import time
from typing import Protocol

from wattscan.serving.errors import Cancelled, RequestRefused
from wattscan.serving.http2 import frames, replies
from wattscan.serving.http2.frames import ErrorCode
from wattscan.serving.http2.headers import Head
from wattscan.serving.http2.messages import Answer, Received, framed
from wattscan.serving.http2.sending import Sender
from wattscan.serving.http2.stream import Handler, Stream
from wattscan.serving.http2.transport import Part
from wattscan.units import Seconds

# So long a handler may take to notice that its call was cancelled.
_NOTICING = Seconds(0.1)


class Calls(Protocol):
    """What takes a connection's calls."""

    largest: int
    """Bytes of a message."""

    most_streams: int
    """Of one connection."""

    def enter(self) -> bool:
        """Whether there is room for one more call."""
        ...

    def leave(self) -> None:
        """A call that entered is over."""
        ...

    def find(self, head: Head) -> Handler | None:
        """What answers it; None: nothing here does."""
        ...

    def begin(self, stream: Stream) -> None:
        """Have a thread answer it; it is told that this is done."""
        ...

    def expire(self, stream: Stream) -> None:
        """Have a thread reset it at its deadline, if it has one."""
        ...


class Streams:
    """Those that are open, by their numbers. It is what they know of their connection.

    A stream counts from its headers until it is answered; one that is reset, until its handler is
    done: who resets gains no room.
    """

    def __init__(self, sender: Sender, peer: str, calls: Calls) -> None:
        self.peer = peer
        self._sender = sender
        self._calls = calls
        # Of all that is waited for; its lock guards what follows.
        self._changed = sender.changed
        self._lock = self._changed.lock
        self._open: dict[int, Stream] = {}
        self._count = 0

    # For the thread that reads.

    def get(self, number: int) -> Stream | None:
        """The one that is open."""
        return self._open.get(number)

    def all(self) -> list[Stream]:
        """With the lock held."""
        return list(self._open.values())

    def has_room(self) -> bool:
        """For one more stream. A client that cancels one and asks anew waits for the handler of
        that one to notice, instead of being refused; one that does nothing else waits most."""
        most = self._calls.most_streams
        with self._lock:
            if len(self._open) < most <= self._count:
                self._wait_for_room(most)
            return self._count < most

    def open(self, number: int, head: Head, handler: Handler) -> Stream:
        """One more, that the server has room for."""
        stream = Stream(number, head, handler, self, self._calls.largest)
        with self._lock:
            stream.window = self._sender.initial
            self._count += 1
            self._open[number] = stream
        self._calls.expire(stream)
        return stream

    def begin(self, stream: Stream) -> None:
        """Have it answered, unless that has begun."""
        with self._lock:
            if stream.begun or not self._wanted(stream):
                return
            stream.begun = stream.running = True
        self._calls.begin(stream)

    def refuse(self, stream: Stream, refusal: RequestRefused) -> None:
        """End the call before its handler can; one that has begun is told by its context."""
        stream.status, stream.text = refusal.status, str(refusal)
        with contextlib.suppress(Cancelled):  # answered already
            self._send(stream, None, last=True, handled=False)

    def drop(self, stream: Stream) -> None:
        """Its client has."""
        stream.leave()
        with self._lock:
            self._forget(stream)

    def abandon(self) -> None:
        """All of them: nobody waits for them any more."""
        with self._lock:
            self._sender.end()
            streams = list(self._open.values())
        for stream in streams:
            stream.leave()
        with self._lock:
            for stream in streams:
                self._forget(stream)

    # For handlers; see `stream.Line`.

    def next(self, stream: Stream) -> Received | None:
        """See `stream.Line`."""
        with self._lock:
            while self._wanted(stream) and not stream.ready:
                self._changed.wait(stream.patience())
            if not self._wanted(stream):
                raise Cancelled("the call has ended")
            message = stream.take()
            if not stream.complete:
                by = stream.given_back()
                if by:
                    self._sender.write([frames.window_update(stream.number, by)])
            return message

    def send(self, stream: Stream, message: Answer | None, last: bool) -> None:
        """See `stream.Line`."""
        self._send(stream, message, last, handled=last)

    def _send(self, stream: Stream, message: Answer | None, last: bool, handled: bool) -> None:
        with self._lock:
            if not self._wanted(stream):
                raise Cancelled("the call has ended")
            parts: list[Part] = []
            # First of all: what cannot be written must fail before anything is.
            trailers = replies.closing(stream.status, stream.text, stream.trailing) if last else b""
            if message is not None:
                if not stream.opened:
                    stream.opened = True
                    parts.append(frames.headers(stream.number, replies.opening(), last=False))
                self._sender.add(parts, stream, framed(message), self._wanted)
            if last:
                parts += _farewell(stream, trailers)
            self._sender.write(parts)
            if last:
                # Here, and not when its thread is free: the client may ask anew at once.
                stream.running = stream.running and not handled
                self._forget(stream)
        if last:
            stream.leave()

    def done(self, stream: Stream) -> None:
        """See `stream.Line`."""
        with self._lock:
            stream.running = False
            if stream.number not in self._open:
                self._leave(stream)  # one that was reset has counted until now
                return
        self.reset(stream)

    def reset(self, stream: Stream) -> None:
        """See `stream.Line`."""
        stream.leave()
        with self._lock:
            if stream.number in self._open:
                self._forget(stream)
                self._sender.write([frames.reset(stream.number, ErrorCode.CANCEL)])

    # With the lock held.

    def _wait_for_room(self, most: int) -> None:
        end = time.monotonic() + _NOTICING
        while self._count >= most and not self._sender.ended:
            left = end - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _wanted(self, stream: Stream) -> bool:
        """Whether anything may still be read or written for it."""
        return not self._sender.ended and not stream.over and stream.number in self._open

    def _forget(self, stream: Stream) -> None:
        if self._open.pop(stream.number, None) is not None and not stream.running:
            self._leave(stream)
        self._changed.tell()  # its handler may wait for it

    def _leave(self, stream: Stream) -> None:
        if stream.counts:
            stream.counts = False
            self._count -= 1
            self._calls.leave()
            self._changed.tell()


def _farewell(stream: Stream, block: bytes) -> list[Part]:
    """What ends a call's answer."""
    if not stream.opened:
        block = replies.opening() + block
    parts: list[Part] = [frames.headers(stream.number, block, last=True)]
    if not stream.complete:
        parts.append(frames.reset(stream.number, ErrorCode.NO_ERROR))
    return parts
