"""A gRPC server: what `grpc.server` is, without the cost of its way from the socket to a handler.

gRPC's Python server spends more than 1 ms of processor time on a request of 786 KB, most of it in
handing it from thread to thread; this one spares that (docs/serving-benchmark.md, "The front"). It
speaks with every gRPC client; handlers and interceptors are gRPC's own.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from wattscan.serving.http2.answering import answer
from wattscan.serving.http2.connection import Connection
from wattscan.serving.http2.deadlines import Deadlines
from wattscan.serving.http2.headers import Head, Metadata
from wattscan.serving.http2.listening import Listener
from wattscan.serving.http2.secure import Secure
from wattscan.serving.http2.stream import Handler, Stream
from wattscan.serving.http2.transport import Plain, prepare
from wattscan.serving.threads import RequestThreads
from wattscan.units import Seconds

# So long a client may take to close its side, once it has all its answers.
_FAREWELL = Seconds(0.5)
_AT_MOST = Seconds(0.5)  # for what may block, while the server stops


@dataclass(frozen=True)
class _Details(grpc.HandlerCallDetails):
    """What interceptors see."""

    method: str
    invocation_metadata: Metadata


@dataclass(frozen=True)
class Bounds:
    """How much a server takes on at once."""

    threads: int
    """That answer calls."""

    largest: int
    """Bytes of a message that comes in."""

    most_streams: int
    """Calls of one connection."""

    most_calls: int
    """Of all connections; more are refused with RESOURCE_EXHAUSTED."""

    most_connections: int = 1000
    """More are closed."""


class Http2Server:
    """Listens, from `start` to `stop`. The interceptors are gRPC's."""

    def __init__(
        self, bounds: Bounds, interceptors: Sequence[grpc.ServerInterceptor[Any, Any]] = ()
    ) -> None:
        self.largest = bounds.largest
        self.most_streams = bounds.most_streams
        self._bounds = bounds
        self._handlers: list[grpc.GenericRpcHandler[Any, Any]] = []
        self._find = self._look_up
        for interceptor in reversed(interceptors):
            self._find = partial(interceptor.intercept_service, self._find)
        self._pool = RequestThreads(bounds.threads, "request")
        self._deadlines = Deadlines(self._pool.submit)
        self._lock = threading.Lock()
        self._calls = 0
        self._connections: set[Connection] = set()
        self._listener: Listener | None = None
        self._tls: Callable[[], ssl.SSLContext | None] = lambda: None
        self._stopping = False

    @property
    def calls(self) -> int:
        """That are not over."""
        return self._calls

    @property
    def connections(self) -> int:
        """That are open."""
        return len(self._connections)

    def add_generic_rpc_handlers(
        self, handlers: Sequence[grpc.GenericRpcHandler[Any, Any]]
    ) -> None:
        """As gRPC's own server does, for its services of health and reflection too."""
        self._handlers.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Those that generated code adds are in the generic ones as well."""

    def listen(
        self, sock: socket.socket, tls: Callable[[], ssl.SSLContext | None] = lambda: None
    ) -> None:
        """Serve what comes to a bound socket. `tls` is asked at each connection."""
        self._tls = tls
        self._listener = Listener(sock, self._serve, self._bounds.most_connections)

    def start(self) -> None:
        """Begin."""
        self._deadlines.start()
        if self._listener is not None:
            self._listener.start()

    def stop(self, grace: float) -> None:
        """Take no more; calls have `grace` seconds to end."""
        self._stopping = True
        if self._listener is not None:
            self._listener.stop()
        _at_each(self._all(), Connection.drain)
        _wait(lambda: not self._calls, grace)
        unfinished = self._calls
        _at_each(self._all(), Connection.end)
        if not unfinished:
            _wait(lambda: not self._connections, _FAREWELL)
        for connection in self._all():
            connection.shut()
        self._deadlines.stop()
        self._pool.shutdown(wait=False, cancel=True)
        _wait(lambda: not self._connections, _AT_MOST)

    # What connections ask; see `streams.Calls`.

    def enter(self) -> bool:
        """See `streams.Calls`."""
        with self._lock:
            if self._calls >= self._bounds.most_calls:
                return False
            self._calls += 1
            return True

    def leave(self) -> None:
        """See `streams.Calls`."""
        with self._lock:
            self._calls -= 1

    def find(self, head: Head) -> Handler | None:
        """See `streams.Calls`."""
        return self._find(_Details(head.path, head.metadata))

    def begin(self, stream: Stream) -> None:
        """See `streams.Calls`."""

        def work() -> None:
            try:
                answer(stream)
            finally:
                stream.done()

        try:
            self._pool.submit(work)
        except RuntimeError:  # the server has stopped, or there cannot be more threads
            stream.done()

    def expire(self, stream: Stream) -> None:
        """See `streams.Calls`."""
        self._deadlines.add(stream)

    def _look_up(self, details: grpc.HandlerCallDetails) -> Handler | None:
        for handler in self._handlers:
            found = handler.service(details)
            if found is not None:
                return found
        return None

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _serve(self, sock: socket.socket, peer: str) -> None:
        prepare(sock)
        tls = self._tls()
        transport = Plain(sock) if tls is None else Secure(sock, tls)
        connection = Connection(transport, peer, self)
        with self._lock:
            if self._stopping:
                return
            self._connections.add(connection)
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.discard(connection)


def _at_each(connections: Iterable[Connection], act: Callable[[Connection], None]) -> None:
    """In a thread for each: to write to a client that does not read takes long."""
    end = time.monotonic() + _AT_MOST
    threads = [threading.Thread(target=act, args=(each,), daemon=True) for each in connections]
    with contextlib.suppress(RuntimeError):  # there cannot be more of them
        for thread in threads:
            thread.start()
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, end - time.monotonic()))


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
