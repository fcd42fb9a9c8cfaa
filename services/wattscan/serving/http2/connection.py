"""One connection: reads its frames on a thread of its own, and has its streams answered.

RFC 9113, and gRPC's "gRPC over HTTP2". What the client may send on all streams together is without
a limit; on each of them it is given anew as a handler takes messages, so that nothing piles up.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable

import grpc

from wattscan.serving.errors import RequestRefused
from wattscan.serving.http2 import frames, replies
from wattscan.serving.http2.frames import ConnectionFailed, ErrorCode, check
from wattscan.serving.http2.headers import (
    LARGEST_LIST,
    Head,
    HeaderReader,
    Malformed,
    Unanswerable,
)
from wattscan.serving.http2.messages import Broken
from wattscan.serving.http2.reading import LARGEST_CONTROL, Frame, FrameReader, unpadded
from wattscan.serving.http2.sending import Sender
from wattscan.serving.http2.stream import WINDOW, Stream
from wattscan.serving.http2.streams import Calls, Streams
from wattscan.serving.http2.transport import Part, Transport

_RENEW_AT = 1 << 28  # bytes received on all streams, of a window of eight times as many
# Frames that carry nothing on: so many within so many seconds are an attack on the processor.
_MOST_IDLE, _IDLE_SECONDS = 1000, 0.1

log = logging.getLogger(__name__)


class Connection:
    """From its first byte to its last."""

    def __init__(self, transport: Transport, peer: str, calls: Calls) -> None:
        self._transport = transport
        self._calls = calls
        self._sender = Sender(transport)
        # Of all that is waited for; its lock guards the sender, the streams, and what follows.
        self._changed = self._sender.changed
        self._lock = self._changed.lock
        self._streams = Streams(self._sender, peer, calls)
        self._last = 0
        self._draining = False
        # The reading thread's own.
        self._reader = FrameReader(transport)
        self._headers = HeaderReader()
        self._received = 0
        self._idle, self._idle_since = 0, time.monotonic()

    def run(self) -> None:
        """Until the client or `shut` ends it."""
        try:
            self._greet()
            while True:
                self._read_frame()
        except ConnectionFailed as failure:
            with self._lock:
                self._sender.end(frames.goaway(self._last, failure.code))
            self._streams.abandon()
            self._transport.linger()
        except (OSError, EOFError):
            pass
        except Exception as error:
            # The type only: the text may quote what a client sent.
            log.error("a connection failed: %s", type(error).__name__)
        finally:
            self.shut()
            self._streams.abandon()
            with self._lock:  # nobody writes any more
                self._transport.close()

    def drain(self) -> None:
        """Take no new calls; the client is told."""
        with self._lock:
            self._draining = True
            self._sender.write([frames.goaway(self._last, ErrorCode.NO_ERROR)])

    def end(self) -> None:
        """Nothing more will be answered; the client is to close its side."""
        with self._lock:
            self._sender.end()
            self._transport.end()

    def shut(self) -> None:
        """Wake whoever reads or writes: `run` then ends, and the calls with it."""
        self._transport.shut()

    # The reading thread's.

    def _greet(self) -> None:
        # What is read into the reader's buffer is copied: large frames go past it.
        self._sender.say(
            frames.settings(
                {
                    frames.MAX_CONCURRENT_STREAMS: self._calls.most_streams,
                    frames.INITIAL_WINDOW_SIZE: WINDOW,
                    frames.MAX_FRAME_SIZE: frames.LARGEST_FRAME,
                    frames.MAX_HEADER_LIST_SIZE: LARGEST_LIST,
                }
            ),
            frames.window_update(0, frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW),
        )
        self._transport.limit_reading(True)
        self._reader.preface()
        self._transport.limit_reading(False)

    def _read_frame(self) -> None:
        frame = self._reader.next()
        if frame.kind == frames.DATA:
            self._on_data(frame)
        elif frame.kind in _READERS:
            _READERS[frame.kind](self, frame, self._reader.payload())
        else:  # an extension, and of no meaning here
            self._reader.skip()
            self._count_idle()

    def _count_idle(self) -> None:
        """A frame that carries nothing on. Raises: ConnectionFailed: too many of them."""
        self._idle += 1
        if self._idle == _MOST_IDLE:
            now = time.monotonic()
            check(now - self._idle_since > _IDLE_SECONDS, ErrorCode.ENHANCE_YOUR_CALM)
            self._idle, self._idle_since = 0, now

    def _on_headers(self, frame: Frame, payload: bytes) -> None:
        check(frame.number % 2 == 1)  # the others are a server's
        block = self._whole_block(frame, payload)
        last = bool(frame.flags & frames.END_STREAM)
        if frame.number <= self._last:
            self._headers.decode(block)
            self._on_trailers(frame.number, last)
            return
        self._last = frame.number
        try:
            head = self._headers.read(block)
        except Malformed:
            self._sender.say(frames.reset(frame.number, ErrorCode.PROTOCOL_ERROR))
        except Unanswerable as refusal:
            self._dismiss(frame.number, refusal.block, last)
        else:
            self._open_stream(frame.number, head, last)

    def _whole_block(self, frame: Frame, payload: bytes) -> bytes:
        """With what CONTINUATION frames add."""
        block = unpadded(frame, payload)
        if frame.flags & frames.END_HEADERS:
            return block
        whole, flags = bytearray(block), frame.flags
        while not flags & frames.END_HEADERS:
            kind, flags, number, length = self._reader.next()
            check(kind == frames.CONTINUATION and number == frame.number)
            enough = length and len(whole) + length <= LARGEST_CONTROL
            check(bool(enough), ErrorCode.ENHANCE_YOUR_CALM)
            whole += self._reader.payload()
        return bytes(whole)

    def _on_trailers(self, number: int, last: bool) -> None:
        stream = self._streams.get(number)
        if stream is None:
            self._count_idle()  # reset or refused meanwhile
            return
        check(not stream.complete, ErrorCode.STREAM_CLOSED)
        check(last)
        self._complete(stream)

    def _open_stream(self, number: int, head: Head, last: bool) -> None:
        if self._draining or not self._streams.has_room():
            self._sender.say(frames.reset(number, ErrorCode.REFUSED_STREAM))
            return
        handler = self._calls.find(head)
        if handler is None:
            self._dismiss(number, _NO_METHOD, last)
            return
        if not self._calls.enter():
            self._dismiss(number, _TOO_MANY, last)
            return
        stream = self._streams.open(number, head, handler)
        if last:
            self._complete(stream)
        elif handler.request_streaming:
            self._streams.begin(stream)

    def _dismiss(self, number: int, block: bytes, last: bool) -> None:
        """Answer without a call."""
        parts: list[Part] = [frames.headers(number, block, last=True)]
        if not last:
            parts.append(frames.reset(number, ErrorCode.NO_ERROR))
        self._sender.say(*parts)

    def _complete(self, stream: Stream) -> None:
        """The client has sent all that it will."""
        if stream.assembler.begun:
            self._streams.refuse(stream, Broken("the last message is cut off"))
            return
        with self._lock:
            stream.complete = True
            self._changed.tell()
        self._streams.begin(stream)

    def _on_data(self, frame: Frame) -> None:
        self._renew(frame.length)
        check(self._used(frame.number))
        with self._lock:
            stream = self._streams.get(frame.number)
            if stream is not None:
                check(not stream.complete, ErrorCode.STREAM_CLOSED)
                check(stream.received(frame.length), ErrorCode.FLOW_CONTROL_ERROR)
        padding = 0
        if frame.flags & frames.PADDED:
            check(frame.length > 0)
            padding = self._reader.some(1)[0]
            check(padding <= self._reader.left)
        last = bool(frame.flags & frames.END_STREAM)
        if self._reader.left == padding and not last:
            self._count_idle()
        try:
            while stream is not None and self._reader.left > padding:
                self._take_in(stream, frame, self._reader.left - padding)
        except RequestRefused as refusal:
            assert stream is not None  # noqa: S101
            self._streams.refuse(stream, refusal)
        self._reader.skip()
        if stream is not None and last:
            self._complete(stream)

    def _renew(self, length: int) -> None:
        """The window of all streams, which is larger than what can be on its way."""
        self._received += length
        if self._received >= _RENEW_AT:
            self._sender.say(frames.window_update(0, self._received))
            self._received = 0

    def _take_in(self, stream: Stream, frame: Frame, left: int) -> None:
        """Some of a DATA frame, of which so much is left. Raises: RequestRefused."""
        assembler = stream.assembler
        if assembler.room is None:
            if not assembler.begun:
                stream.begins()
            data = self._reader.some(min(left, assembler.missing))
            assembler.prefix(data)
            left -= len(data)
            if assembler.room is not None:
                self._make_room(stream, len(assembler.room) - left)
        room = assembler.room
        if room is None:
            return
        if len(room) > left and frame.length == frames.DEFAULT_FRAME and not frame.flags:
            self._take_series(stream, room, left)
            return
        count = min(left, len(room))
        self._reader.fill(room[:count])
        self._filled(stream, count)

    def _take_series(self, stream: Stream, room: memoryview, left: int) -> None:
        """The rest of a DATA frame, and those behind it that look like it."""
        more = self._reader.series(stream.number, room)
        self._renew(more.length)
        with self._lock:
            check(stream.received(more.length), ErrorCode.FLOW_CONTROL_ERROR)
        self._filled(stream, left + more.length)
        if more.ended:
            self._complete(stream)

    def _filled(self, stream: Stream, count: int) -> None:
        message = stream.assembler.filled(count)
        if message is not None:
            with self._lock:
                stream.arrived(message)
                self._changed.tell()

    def _make_room(self, stream: Stream, missing: int) -> None:
        """A message that is larger than the window gets one for what is missing of it."""
        with self._lock:
            by = stream.widened(missing)
            if by and self._streams.get(stream.number) is not None:
                self._sender.write([frames.window_update(stream.number, by)])

    def _used(self, number: int) -> bool:
        """Whether a stream is or was open."""
        return number % 2 == 1 and number <= self._last

    def _on_reset(self, frame: Frame, payload: bytes) -> None:
        check(len(payload) == 4, ErrorCode.FRAME_SIZE_ERROR)
        check(self._used(frame.number))
        stream = self._streams.get(frame.number)
        if stream is None:
            self._count_idle()
            return
        self._streams.drop(stream)

    def _on_settings(self, frame: Frame, payload: bytes) -> None:
        check(frame.number == 0)
        check(len(payload) % 6 == 0, ErrorCode.FRAME_SIZE_ERROR)
        self._count_idle()
        if frame.flags & frames.ACK:
            check(not payload, ErrorCode.FRAME_SIZE_ERROR)
            return
        with self._lock:
            for key, value in struct.iter_unpack(">HI", payload):
                self._sender.set(key, value, self._streams.all())
            self._sender.write([frames.frame(frames.SETTINGS, frames.ACK, 0)])
            self._changed.tell()

    def _on_ping(self, frame: Frame, payload: bytes) -> None:
        check(frame.number == 0)
        check(len(payload) == 8, ErrorCode.FRAME_SIZE_ERROR)
        self._count_idle()
        if not frame.flags & frames.ACK:
            self._sender.say(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _on_window(self, frame: Frame, payload: bytes) -> None:
        check(len(payload) == 4, ErrorCode.FRAME_SIZE_ERROR)
        by = struct.unpack(">I", payload)[0] & frames.LARGEST_WINDOW
        check(by > 0)
        check(frame.number == 0 or self._used(frame.number))
        with self._lock:
            if frame.number == 0:
                self._sender.widen(by)
            elif (stream := self._streams.get(frame.number)) is not None:
                stream.window += by
                check(stream.window <= frames.LARGEST_WINDOW, ErrorCode.FLOW_CONTROL_ERROR)
            self._changed.tell()

    def _on_goaway(self, frame: Frame, _payload: bytes) -> None:
        check(frame.number == 0)  # it opens no more streams, and closes the connection itself
        self._count_idle()

    def _on_misplaced(self, _frame: Frame, _payload: bytes) -> None:
        check(False)  # clients do not push, and a block's continuation is read with it


_READERS: dict[int, Callable[[Connection, Frame, bytes], None]] = {
    frames.HEADERS: Connection._on_headers,
    frames.RST_STREAM: Connection._on_reset,
    frames.SETTINGS: Connection._on_settings,
    frames.PUSH_PROMISE: Connection._on_misplaced,
    frames.PING: Connection._on_ping,
    frames.GOAWAY: Connection._on_goaway,
    frames.WINDOW_UPDATE: Connection._on_window,
    frames.CONTINUATION: Connection._on_misplaced,
}
_NO_METHOD = replies.only(grpc.StatusCode.UNIMPLEMENTED, "there is no such method")
_TOO_MANY = replies.only(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls at once")
