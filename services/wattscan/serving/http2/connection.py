"""One connection: reads its frames on a thread of its own, and writes what calls answer.

RFC 9113, and gRPC's "gRPC over HTTP2". A window for what is received is given anew as bytes come
in; of streams of messages only as their handlers take them, so that nothing piles up.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import grpc

from wattscan.serving.errors import Cancelled, RequestRefused
from wattscan.serving.http2 import frames
from wattscan.serving.http2.frames import ConnectionFailed, ErrorCode
from wattscan.serving.http2.headers import (
    LARGEST_LIST,
    Head,
    HeaderReader,
    closing,
    http_status,
    opening,
)
from wattscan.serving.http2.messages import PREFIX, Assembler, Message, framed
from wattscan.serving.http2.stream import Stream
from wattscan.serving.http2.transport import Part, Transport
from wattscan.units import Seconds

_STREAM_WINDOW = 1024 * 1024
_RENEW_AT = 1 << 28  # bytes received on all streams, of a window of eight times as many
_LARGEST_CONTROL = 64 * 1024
"""Bytes of any frame but DATA, and of a header block in several frames."""

_READ = 4096  # at once, before it is known where bytes belong
_LONGEST_WAIT = Seconds(3600.0)


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

    def method(self, head: Head) -> grpc.RpcMethodHandler | None:  # type: ignore[type-arg]
        """What answers it; None: nothing here does."""
        ...

    def begin(self, stream: Stream, method: grpc.RpcMethodHandler, done: Callable[[], None]) -> None:  # type: ignore[type-arg]
        """Have a thread answer it, and call `done` then."""
        ...

    def expire(self, stream: Stream, reset: Callable[[], None]) -> None:
        """At its deadline, end the call, and have a thread call `reset`."""
        ...


@dataclass
class _Block:
    """A header block that CONTINUATION frames go on with."""

    number: int
    last: bool
    data: bytes


class Connection:
    """From its first byte to its last."""

    def __init__(self, transport: Transport, peer: str, calls: Calls) -> None:
        self.peer = peer
        self._transport = transport
        self._calls = calls
        self._changed = threading.Condition(threading.Lock())
        """Guards what follows, and the writing."""

        self._streams: dict[int, Stream] = {}
        self._methods: dict[int, grpc.RpcMethodHandler] = {}  # type: ignore[type-arg]
        self._open = 0  # calls that count: a client's, and those whose handlers are not done
        self._window = frames.DEFAULT_WINDOW
        self._initial = frames.DEFAULT_WINDOW
        self._frame_size = frames.DEFAULT_FRAME
        self._last = 0
        self._draining = self._closed = False
        # The reader's own.
        self._headers = HeaderReader()
        self._block: _Block | None = None
        self._received = self._unread = 0
        self._buffer = bytearray(_LARGEST_CONTROL + frames.HEAD)
        self._view = memoryview(self._buffer)
        self._begin = self._end = 0

    @property
    def calls(self) -> int:
        """That are not over."""
        return self._open

    def run(self) -> None:
        """Until the client or `close` ends it."""
        try:
            self._greet()
            while True:
                self._read_frame()
        except ConnectionFailed as failure:
            self._say(frames.goaway(self._last, failure.code))
        except (OSError, EOFError):
            pass
        finally:
            self.close()

    def drain(self) -> None:
        """Take no new calls; the client is told."""
        with self._changed:
            self._draining = True
            self._write([frames.goaway(self._last, ErrorCode.NO_ERROR)])

    def end(self) -> None:
        """Nothing more will be answered; the client is to close its side."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._transport.end()

    def close(self) -> None:
        """End it, and what calls are left."""
        self._transport.close()
        with self._changed:
            self._closed = True
            streams = list(self._streams.values())
            self._changed.notify_all()
        for stream in streams:
            stream.leave()
        with self._changed:
            for stream in streams:
                self._drop(stream)
            self._changed.notify_all()

    # For streams and their handlers.

    def wait_for(self, stream: Stream) -> None:
        """See `stream.Line`."""
        with self._changed:
            while not (stream.messages or stream.complete or stream.over):
                self._changed.wait(_patience(stream))

    def taken(self, stream: Stream, size: int) -> None:
        """See `stream.Line`."""
        with self._changed:
            if not stream.complete:
                self._give(stream, size)

    def send(self, stream: Stream, message: Message | None, last: bool) -> None:
        """See `stream.Line`."""
        with self._changed:
            parts: list[Part] = []
            if stream.over or self._closed:
                raise Cancelled("the call has ended")
            if message is not None:
                if not stream.opened:
                    parts.append(_headers(stream.number, opening(), last=False))
                    stream.opened = True
                self._put(stream, framed(message), parts)
            if last:
                parts.append(_trailers(stream))
                if not stream.complete:
                    parts.append(frames.reset(stream.number, ErrorCode.NO_ERROR))
            self._write(parts)
            if last:
                self._drop(stream)
        if last:
            stream.leave()

    def _put(self, stream: Stream, pieces: list[Message], parts: list[Part]) -> None:
        """Add DATA frames as the windows let them; wait for these. Raises: Cancelled."""
        views = [memoryview(piece) for piece in pieces]
        left = sum(map(len, views))
        while left:
            count = min(left, self._window, stream.window)
            if count <= 0:
                self._write(parts)
                parts.clear()
                self._changed.wait(_patience(stream))
                if stream.over or self._closed:
                    raise Cancelled("the call has ended")
                continue
            count = min(count, self._frame_size)
            self._window -= count
            stream.window -= count
            left -= count
            parts.append(frames.head(count, frames.DATA, 0, stream.number))
            while count:
                piece = views[0][:count]
                parts.append(piece)
                count -= len(piece)
                views[0] = views[0][len(piece) :]
                if not views[0]:
                    views.pop(0)

    def _write(self, parts: list[Part]) -> None:
        """With the lock held."""
        if self._closed or not parts:
            return
        try:
            self._transport.write(parts)
        except OSError:
            # Its reader notices, and ends the rest.
            self._closed = True
            self._transport.close()

    def _say(self, *parts: Part) -> None:
        with self._changed:
            self._write(list(parts))

    def _drop(self, stream: Stream) -> None:
        """Forget the stream; with the lock held."""
        if self._streams.pop(stream.number, None) is not None:
            self._methods.pop(stream.number, None)
            if not stream.running:
                self._leave()

    def _leave(self) -> None:
        self._open -= 1
        self._calls.leave()

    def _done(self, stream: Stream) -> None:
        """Its handler is: a stream that is reset meanwhile has counted until now."""
        with self._changed:
            stream.running = False
            left = stream.number in self._streams
            if not left:
                self._leave()
        if left:
            self._reset(stream)

    def _reset(self, stream: Stream, code: ErrorCode = ErrorCode.CANCEL) -> None:
        with self._changed:
            if stream.number in self._streams:
                self._write([frames.reset(stream.number, code)])
                self._drop(stream)
        stream.leave()

    # The reader.

    def _greet(self) -> None:
        # The reader's buffer is small, and what it holds is copied: large frames go past it.
        self._say(
            frames.settings(
                {
                    frames.MAX_CONCURRENT_STREAMS: self._calls.most_streams,
                    frames.INITIAL_WINDOW_SIZE: _STREAM_WINDOW,
                    frames.MAX_FRAME_SIZE: frames.LARGEST_FRAME,
                    frames.MAX_HEADER_LIST_SIZE: LARGEST_LIST,
                }
            ),
            frames.window_update(0, frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW),
        )
        if self._take(len(frames.PREFACE)) != frames.PREFACE:
            raise EOFError  # not HTTP/2: it would not understand an answer either

    def _need(self, count: int) -> None:
        """Have so many bytes in the buffer. Raises: EOFError."""
        while self._end - self._begin < count:
            if self._begin == self._end:
                self._begin = self._end = 0
            elif self._begin + count > len(self._buffer):
                rest = self._buffer[self._begin : self._end]
                self._buffer[: len(rest)] = rest
                self._begin, self._end = 0, len(rest)
            most = self._end + max(_READ, count)
            got = self._transport.read_into(self._view[self._end : most])
            if not got:
                raise EOFError
            self._end += got

    def _take(self, count: int) -> bytes:
        self._need(count)
        self._begin += count
        return bytes(self._view[self._begin - count : self._begin])

    def _read_frame(self) -> None:
        self._need(frames.HEAD)
        sized, flags, number = struct.unpack_from(">IBI", self._buffer, self._begin)
        self._begin += frames.HEAD
        length, kind, number = sized >> 8, sized & 0xFF, number & frames.LARGEST_WINDOW
        if self._block is not None and kind != frames.CONTINUATION:
            raise ConnectionFailed(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted")
        if kind == frames.DATA:
            self._data(length, flags, number)
            return
        if length > _LARGEST_CONTROL:
            raise ConnectionFailed(ErrorCode.FRAME_SIZE_ERROR, "a control frame is too large")
        read = _READERS.get(kind)
        payload = self._take(length)
        if read is not None:  # others are extensions, and of no meaning here
            read(self, payload, flags, number)

    def _on_headers(self, payload: bytes, flags: int, number: int) -> None:
        if flags & frames.PADDED:
            payload = _unpadded(payload)
        if flags & frames.WITH_PRIORITY:
            payload = payload[5:]
        if number % 2 == 0:
            raise ConnectionFailed(ErrorCode.PROTOCOL_ERROR, "a stream that is no client's")
        self._block = _Block(number, bool(flags & frames.END_STREAM), payload)
        if flags & frames.END_HEADERS:
            self._headers_whole()

    def _on_continuation(self, payload: bytes, flags: int, number: int) -> None:
        block = self._block
        if block is None or block.number != number or not payload:
            raise ConnectionFailed(ErrorCode.PROTOCOL_ERROR, "a continuation of nothing")
        block.data += payload
        if len(block.data) > _LARGEST_CONTROL:
            raise ConnectionFailed(ErrorCode.ENHANCE_YOUR_CALM, "headers without end")
        if flags & frames.END_HEADERS:
            self._headers_whole()

    def _headers_whole(self) -> None:
        block, self._block = self._block, None
        assert block is not None  # noqa: S101
        head = self._headers.read(block.data)
        if block.number <= self._last:
            self._trailing_headers(block)
            return
        self._last = block.number
        self._open_stream(block, head)

    def _trailing_headers(self, block: _Block) -> None:
        stream = self._streams.get(block.number)
        if stream is None:
            return  # reset or refused meanwhile
        if not block.last:
            raise ConnectionFailed(ErrorCode.PROTOCOL_ERROR, "headers in the middle of a stream")
        self._completed(stream)

    def _open_stream(self, block: _Block, head: Head) -> None:
        number = block.number
        if self._draining or self._open >= self._calls.most_streams:
            self._say(frames.reset(number, ErrorCode.REFUSED_STREAM))
            return
        if not head.path:
            self._say(_headers(number, http_status(415), last=True))
            return
        stream = Stream(number, head, self, Assembler(self._calls.largest, head.encoding))
        stream.window, stream.credit = self._initial, _STREAM_WINDOW
        stream.complete = block.last
        method = self._calls.method(head)
        if method is None:
            stream.status, stream.text = grpc.StatusCode.UNIMPLEMENTED, "there is no such method"
        elif not self._calls.enter():
            stream.status = grpc.StatusCode.RESOURCE_EXHAUSTED
            stream.text = "too many calls at once"
            method = None
        if method is None:
            parts: list[Part] = [_trailers(stream)]
            if not block.last:
                parts.append(frames.reset(number, ErrorCode.NO_ERROR))
            self._say(*parts)
            return
        with self._changed:
            self._open += 1
            self._streams[number], self._methods[number] = stream, method
        if stream.deadline is not None:
            self._calls.expire(stream, lambda: self._reset(stream))
        if method.request_streaming or block.last:
            self._start(stream)

    def _start(self, stream: Stream) -> None:
        with self._changed:
            method = self._methods.pop(stream.number, None)
            if method is None or stream.over:
                return
            stream.running = True
        self._calls.begin(stream, method, lambda: self._done(stream))

    def _data(self, length: int, flags: int, number: int) -> None:
        self._received += length
        if self._received >= _RENEW_AT:
            self._say(frames.window_update(0, self._received))
            self._received = 0
        stream = self._streams.get(number)
        _check(stream is not None or 0 < number <= self._last)
        if stream is not None:
            _check(not stream.complete, ErrorCode.STREAM_CLOSED)
            with self._changed:
                stream.credit -= length
            _check(stream.credit >= 0, ErrorCode.FLOW_CONTROL_ERROR)
        padding = 0
        if flags & frames.PADDED:
            _check(length > 0)
            padding, length = self._take(1)[0], length - 1
            _check(padding <= length)
        self._unread = length - padding
        if stream is not None:
            try:
                while self._unread:
                    self._body(stream, stream.assembler)
            except RequestRefused as refusal:
                self._refuse(stream, refusal)
        self._skip(self._unread + padding)
        if stream is not None and flags & frames.END_STREAM:
            self._completed(stream)

    def _body(self, stream: Stream, assembler: Assembler) -> None:
        """Some of a DATA frame. Raises: RequestRefused: a message is too large."""
        room = assembler.room
        if room is None:
            self._need(1)
            count = min(self._unread, PREFIX, self._end - self._begin)
            used = assembler.prefix(bytes(self._view[self._begin : self._begin + count]))
            self._begin += used
            self._unread -= used
            room = assembler.room
            if room is None:
                return
            self._widen(stream, len(room) - self._unread)
        count = min(self._unread, len(room))
        self._read_body(room[:count])
        self._unread -= count
        message = assembler.filled(count)
        if message is not None:
            with self._changed:
                stream.messages.append((len(room), message))
                self._changed.notify_all()

    def _widen(self, stream: Stream, missing: int) -> None:
        """A message that is larger than the window gets one for what is missing of it."""
        with self._changed:
            by = missing - stream.credit
            if by > 0:
                stream.credit += by
                self._write([frames.window_update(stream.number, by)])

    def _give(self, stream: Stream, size: int) -> None:
        """Have the client send on; with the lock held."""
        by = _STREAM_WINDOW - stream.credit - sum(size for size, _ in stream.messages)
        if by >= _STREAM_WINDOW // 2:
            stream.credit += by
            self._write([frames.window_update(stream.number, by)])

    def _read_body(self, room: memoryview) -> None:
        here = min(len(room), self._end - self._begin)
        if here:
            room[:here] = self._view[self._begin : self._begin + here]
            self._begin += here
        if here < len(room):
            self._transport.fill(room[here:])

    def _skip(self, count: int) -> None:
        while count > 0:
            self._need(1)
            here = min(count, self._end - self._begin)
            self._begin += here
            count -= here

    def _completed(self, stream: Stream) -> None:
        """The client has sent all that it will."""
        with self._changed:
            stream.complete = True
            self._changed.notify_all()
        self._start(stream)

    def _refuse(self, stream: Stream, refusal: RequestRefused) -> None:
        """End the call before its handler can; one that has begun is told by its context."""
        stream.status, stream.text = refusal.status, str(refusal)
        with contextlib.suppress(Cancelled):
            self.send(stream, None, last=True)

    def _on_reset(self, payload: bytes, _flags: int, number: int) -> None:
        _check(len(payload) == 4 and 0 < number <= self._last)
        stream = self._streams.get(number)
        if stream is not None:
            stream.leave()
            with self._changed:
                self._drop(stream)
                self._changed.notify_all()

    def _on_settings(self, payload: bytes, flags: int, number: int) -> None:
        _check(number == 0 and len(payload) % 6 == 0)
        if flags & frames.ACK:
            return
        with self._changed:
            for key, value in struct.iter_unpack(">HI", payload):
                self._set(key, value)
            self._write([frames.frame(frames.SETTINGS, frames.ACK, 0)])
            self._changed.notify_all()

    def _set(self, key: int, value: int) -> None:
        if key == frames.INITIAL_WINDOW_SIZE:
            _check(value <= frames.LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR)
            for stream in self._streams.values():
                stream.window += value - self._initial
            self._initial = value
        elif key == frames.MAX_FRAME_SIZE:
            _check(frames.DEFAULT_FRAME <= value <= frames.LARGEST_FRAME)
            self._frame_size = value

    def _on_ping(self, payload: bytes, flags: int, number: int) -> None:
        _check(number == 0 and len(payload) == 8)
        if not flags & frames.ACK:
            self._say(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _on_goaway(self, _payload: bytes, _flags: int, number: int) -> None:
        _check(number == 0)  # it opens no more streams, and closes the connection itself

    def _on_window(self, payload: bytes, _flags: int, number: int) -> None:
        _check(len(payload) == 4, ErrorCode.FRAME_SIZE_ERROR)
        by = struct.unpack(">I", payload)[0] & frames.LARGEST_WINDOW
        _check(by > 0 and number <= self._last)
        with self._changed:
            if number == 0:
                self._window += by
                _check(self._window <= frames.LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR)
            elif number in self._streams:
                stream = self._streams[number]
                stream.window += by
                _check(stream.window <= frames.LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR)
            self._changed.notify_all()

    def _on_push(self, _payload: bytes, _flags: int, _number: int) -> None:
        raise ConnectionFailed(ErrorCode.PROTOCOL_ERROR, "clients do not push")


_READERS: dict[int, Callable[[Connection, bytes, int, int], None]] = {
    frames.HEADERS: Connection._on_headers,
    frames.CONTINUATION: Connection._on_continuation,
    frames.RST_STREAM: Connection._on_reset,
    frames.SETTINGS: Connection._on_settings,
    frames.PUSH_PROMISE: Connection._on_push,
    frames.PING: Connection._on_ping,
    frames.GOAWAY: Connection._on_goaway,
    frames.WINDOW_UPDATE: Connection._on_window,
}


def _check(right: bool, code: ErrorCode = ErrorCode.PROTOCOL_ERROR) -> None:
    if not right:
        raise ConnectionFailed(code, "a frame is not as it may be")


def _unpadded(payload: bytes) -> bytes:
    _check(bool(payload) and payload[0] < len(payload))
    return payload[1 : len(payload) - payload[0]]


def _headers(number: int, block: bytes, last: bool) -> bytes:
    flags = frames.END_HEADERS | (frames.END_STREAM if last else 0)
    return frames.frame(frames.HEADERS, flags, number, block)


def _trailers(stream: Stream) -> bytes:
    block = closing(stream.status, stream.text, stream.trailing)
    return _headers(stream.number, block if stream.opened else opening() + block, last=True)


def _patience(stream: Stream) -> float:
    """Until its deadline, which another thread knows too, and may be late to tell."""
    if stream.deadline is None:
        return _LONGEST_WAIT
    return min(max(0.01, stream.deadline - time.monotonic()), _LONGEST_WAIT)
