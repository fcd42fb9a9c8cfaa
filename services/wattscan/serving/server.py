"""The gRPC server and the metrics page of one target."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread
from typing import cast
from wsgiref.simple_server import WSGIServer

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from wattscan.contracts import WattscanError
from wattscan.serving.http2.server import Bounds, Http2Server
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.rpc import Dispatcher, Service
from wattscan.serving.security.gate import Gate
from wattscan.serving.security.page import open_page
from wattscan.serving.security.tls import TlsFiles
from wattscan.serving.security.tokens import Tokens
from wattscan.serving.upkeep import Every
from wattscan.serving.watchdog import Watchdog

# Beside as many as may wait: for open streams (half of them), for health and for refusals.
_SPARE_THREADS = 64
# For answers on their way out; a probe that watches health would hold the server for longer.
_FLUSH_SECONDS = 2.0
_ENVELOPE = 1024 * 1024  # what a message has around its image
_STATUS = health_pb2.HealthCheckResponse


@dataclass(frozen=True)
class Ports:
    """Where the server listens. Port 0 takes a free one."""

    address: str
    grpc: int
    metrics: int


@dataclass(frozen=True)
class ServerSettings:
    """How it listens, and for whom."""

    queue_limit: int
    max_bytes: int
    tls: TlsFiles | None = None
    tokens: Tokens | None = None
    poll_seconds: float = 0.0
    """How often the model folder is looked at; 0: never."""

    hang_seconds: float = 60.0


def place(address: str, port: int) -> str:
    """`address:port`, as URLs and gRPC write it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Server:
    """One target's service, from `start` to `stop`."""

    def __init__(
        self,
        pipeline: Pipeline,
        services: Sequence[Service],
        dispatcher: Dispatcher,
        registry: CollectorRegistry,
        settings: ServerSettings,
    ) -> None:
        self._pipeline = pipeline
        self._registry = registry
        self._settings = settings
        self._dispatcher = dispatcher
        self._health = health.HealthServicer()
        self._names = [service.name for service in services]
        self._grpc = self._make(services)
        watchdog = Watchdog(pipeline.models, settings.hang_seconds, self._tell_health)
        interval = min(1.0, max(0.05, settings.hang_seconds / 4))
        self._upkeep = [Every(interval, watchdog.look, "watchdog")]
        if settings.poll_seconds:
            self._upkeep.append(
                Every(settings.poll_seconds, pipeline.models.refresh, "repository poll")
            )
        self._page: tuple[WSGIServer, Thread] | None = None

    def start(self, ports: Ports) -> Ports:
        """Listen; returns the ports taken. Raises: WattscanError."""
        metrics_port = self._start_page(ports)
        try:
            sock = _bound(ports.address, ports.grpc)
        except OSError as error:
            raise _taken("--grpc-port", ports.address, ports.grpc, error) from None
        port = sock.getsockname()[1]
        tls = self._settings.tls
        self._grpc.listen(sock, tls.renewed("h2") if tls is not None else lambda: None)
        self._grpc.start()
        for task in self._upkeep:
            task.start()
        self._tell_health(True)
        return Ports(ports.address, port, metrics_port)

    def stop(self, grace: float) -> bool:
        """Drain and stop: health says NOT_SERVING, new requests get UNAVAILABLE, running ones
        have `grace` seconds to finish. Returns whether all have."""
        deadline = time.monotonic() + grace
        self._health.enter_graceful_shutdown()
        self._pipeline.refuse_new()
        for task in self._upkeep:
            task.stop(max(0.0, deadline - time.monotonic()))
        finished = self._pipeline.drain(max(0.0, deadline - time.monotonic()))
        left = max(0.0, deadline - time.monotonic())
        self._grpc.stop(min(left, _FLUSH_SECONDS) if finished else 0)
        if finished:
            # Else a request may still be in an engine; the end of the process frees those.
            self._pipeline.models.close()
        self._dispatcher.close()
        if self._page is not None:
            server, thread = self._page
            server.shutdown()
            thread.join()
        return finished

    def _make(self, services: Sequence[Service]) -> Http2Server:
        threads = self._settings.queue_limit + _SPARE_THREADS
        largest = self._settings.max_bytes + _ENVELOPE
        tokens = self._settings.tokens
        roles = {name: role for service in services for name, role in service.roles().items()}
        bounds = Bounds(
            threads=2 * threads,
            # An answer is as large as its model makes it; what comes in is bounded.
            largest=largest,
            # One connection has half of them: its unfinished calls must not shut out the others.
            most_streams=threads,
            most_calls=2 * threads,
        )
        server = Http2Server(bounds, [Gate(tokens, roles)] if tokens is not None else [])
        for service in services:
            server.add_generic_rpc_handlers((self._dispatcher.handler(service),))
        # They ask of a server what this one has too.
        health_pb2_grpc.add_HealthServicer_to_server(self._health, cast(grpc.Server, server))
        names = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, cast(grpc.Server, server))
        return server

    def _tell_health(self, healthy: bool) -> None:
        for service in ("", *self._names):
            self._health.set(service, _STATUS.SERVING if healthy else _STATUS.NOT_SERVING)

    def _start_page(self, ports: Ports) -> int:
        try:
            self._page = open_page(ports.address, ports.metrics, self._registry, self._settings.tls)
        except OSError as error:
            raise _taken("--metrics-port", ports.address, ports.metrics, error) from None
        return self._page[0].server_port


def _bound(address: str, port: int) -> socket.socket:
    """Raises: OSError."""
    if ":" not in address:
        return socket.create_server((address, port))
    # `::` is every address, of IPv4 too.
    both = address == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=both)


def _taken(flag: str, address: str, port: int, error: Exception) -> WattscanError:
    why = (error.strerror if isinstance(error, OSError) else None) or "not allowed"
    if isinstance(error, socket.gaierror) or (
        isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL
    ):
        flag = "--address"
    return WattscanError(
        f"cannot listen on {place(address, port)} ({why}): choose another with {flag}"
    )
