"""A gRPC server: what `grpc.server` is, without the cost of its way from the socket to a handler.

gRPC's Python server spends 1.5 ms of processor time on a request of 786 KB, most of it in handing
it from thread to thread; this one a third of that (docs/serving-benchmark.md). It speaks with every
gRPC client; handlers and interceptors are gRPC's own.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from wattscan.serving.http2.answering import Handler, answer
from wattscan.serving.http2.connection import Connection
from wattscan.serving.http2.deadlines import Deadlines
from wattscan.serving.http2.headers import Head, Metadata
from wattscan.serving.http2.stream import Stream
from wattscan.serving.http2.transport import open_transport
from wattscan.serving.threads import RequestThreads
from wattscan.units import Seconds

_BACKLOG = 128
_MOST_CONNECTIONS = 1000
# So long a client may take to close its side, once it has all its answers.
_FAREWELL = Seconds(0.5)
_PAUSE = Seconds(0.1)
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Details(grpc.HandlerCallDetails):
    """What interceptors see."""

    method: str
    invocation_metadata: Metadata


class Http2Server:
    """Listens, from `start` to `stop`.

    Args:
        threads: that answer calls.
        largest: bytes of a message that comes in.
        most_streams: calls of one connection at once.
        most_calls: of all connections; more are refused with RESOURCE_EXHAUSTED.
        interceptors: gRPC's.
    """

    def __init__(
        self,
        threads: int,
        largest: int,
        most_streams: int,
        most_calls: int,
        interceptors: Sequence[grpc.ServerInterceptor[Any, Any]] = (),
    ) -> None:
        self.largest = largest
        self.most_streams = most_streams
        self._most_calls = most_calls
        self._handlers: list[grpc.GenericRpcHandler[Any, Any]] = []
        self._find = self._look_up
        for interceptor in reversed(interceptors):
            self._find = partial(interceptor.intercept_service, self._find)
        self._pool = RequestThreads(threads, "request")
        self._deadlines = Deadlines()
        self._lock = threading.Lock()
        self._calls = 0
        self._connections: dict[Connection, threading.Thread] = {}
        self._listener: socket.socket | None = None
        self._tls: Callable[[], ssl.SSLContext | None] = lambda: None
        self._stopping = False

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
        sock.listen(_BACKLOG)
        self._listener, self._tls = sock, tls

    def start(self) -> None:
        """Begin."""
        self._deadlines.start()
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def stop(self, grace: float) -> None:
        """Take no more; calls have `grace` seconds to end."""
        self._stopping = True
        if self._listener is not None:
            # A thread in accept is woken by this, and by nothing else.
            _shut(self._listener)
        connections = self._all()
        for connection in connections:
            connection.drain()
        end = time.monotonic() + grace
        while self._calls and time.monotonic() < end:
            time.sleep(0.01)
        farewell = time.monotonic() + (_FAREWELL if not self._calls else 0.0)
        for connection, thread in list(self._connections.items()):
            connection.end()
            thread.join(max(0.0, farewell - time.monotonic()))
        for connection in self._all():
            connection.close()
        self._deadlines.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # What connections ask; see `connection.Calls`.

    def enter(self) -> bool:
        """See `connection.Calls`."""
        with self._lock:
            if self._calls >= self._most_calls:
                return False
            self._calls += 1
            return True

    def leave(self) -> None:
        """See `connection.Calls`."""
        with self._lock:
            self._calls -= 1

    def method(self, head: Head) -> Handler | None:
        """See `connection.Calls`."""
        return self._find(_Details(head.path, head.metadata))

    def begin(self, stream: Stream, method: Handler, done: Callable[[], None]) -> None:
        """See `connection.Calls`."""

        def work() -> None:
            try:
                answer(stream, method)
            finally:
                done()

        try:
            self._pool.submit(work)
        except RuntimeError:  # the server has stopped
            done()

    def expire(self, stream: Stream, reset: Callable[[], None]) -> None:
        """See `connection.Calls`."""
        
        def expired() -> None:
            with contextlib.suppress(RuntimeError):  # the server has stopped
                self._pool.submit(reset)

        self._deadlines.add(stream, expired)

    def _look_up(self, details: grpc.HandlerCallDetails) -> Handler | None:
        found = (handler.service(details) for handler in self._handlers)
        return next((handler for handler in found if handler is not None), None)

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101
        while not self._stopping:
            try:
                sock, address = self._listener.accept()
            except OSError as error:
                if self._stopping or error.errno not in _OUT_OF_RESOURCES | {errno.ECONNABORTED}:
                    break
                time.sleep(_PAUSE)
                continue
            if len(self._connections) >= _MOST_CONNECTIONS:
                sock.close()
                continue
            peer = _peer(sock.family, address)
            thread = threading.Thread(
                target=self._serve, args=(sock, peer), name="connection", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no more threads
                sock.close()
        self._listener.close()

    def _serve(self, sock: socket.socket, peer: str) -> None:
        try:
            transport = open_transport(sock, self._tls())
        except OSError:  # ssl.SSLError is one
            sock.close()
            return
        connection = Connection(transport, peer, self)
        with self._lock:
            self._connections[connection] = threading.current_thread()
        try:
            if self._stopping:
                connection.close()
            else:
                connection.run()
        finally:
            with self._lock:
                del self._connections[connection]


def _peer(family: int, address: Any) -> str:
    """As gRPC writes it: `ipv4:127.0.0.1:5000`, `ipv6:[::1]:5000`."""
    if family == socket.AF_INET6:
        return f"ipv6:[{address[0]}]:{address[1]}"
    return f"ipv4:{address[0]}:{address[1]}"


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        sock.close()  # where a listening socket cannot be shut down (macOS)
