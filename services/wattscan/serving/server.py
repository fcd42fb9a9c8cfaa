"""The gRPC server and the metrics page of one target."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Thread
from wsgiref.simple_server import WSGIServer

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from wattscan.contracts import WattscanError
from wattscan.serving.connections import Connections
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.probes import FewReflections, Health
from wattscan.serving.rpc import Dispatcher, Service
from wattscan.serving.security.gate import Gate
from wattscan.serving.security.page import open_page
from wattscan.serving.security.tls import TlsFiles
from wattscan.serving.security.tokens import Tokens
from wattscan.serving.upkeep import Every
from wattscan.serving.watchdog import Watchdog
from wattscan.units import Seconds
from wattscan.wire.pool import POOL

# For answers on their way out, once all are made: what is open then (a watcher of health, a stream
# that is idle) would hold the server for longer.
_FLUSH_SECONDS = 1.0
_LOOK_SECONDS = 0.05
_LATE_SECONDS = 1.0
_QUIET, _PATIENCE = Seconds(0.05), Seconds(0.5)
"""Without a new call, before clients are told to go elsewhere; and how long that is waited for."""

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

    max_bytes: int
    connections: Connections = field(default_factory=Connections)
    tls: TlsFiles | None = None
    tokens: Tokens | None = None
    memory_left: int | None = None
    """Bytes, at the start; None where it is not known."""

    poll_seconds: float = 0.0
    """How often the model folder is looked at; 0: never."""

    hang_seconds: float = 60.0


def place(address: str, port: int) -> str:
    """`address:port`, as URLs and gRPC write it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class InferenceServer:
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
        self._health = Health()
        self._names = [service.name for service in services]
        self._grpc = self._make(services)
        watchdog = Watchdog(pipeline.models, settings.hang_seconds, self._tell_health)
        interval = min(1.0, max(0.05, settings.hang_seconds / 4))
        self._upkeep = [
            Every(interval, watchdog.look, "watchdog"),
            Every(_LATE_SECONDS, self._end_overdue, "overdue calls"),
        ]
        if settings.poll_seconds:
            self._upkeep.append(
                Every(settings.poll_seconds, pipeline.models.refresh, "repository poll")
            )
        self._page: tuple[WSGIServer, Thread] | None = None

    def start(self, ports: Ports) -> Ports:
        """Listen; returns the ports taken. Raises: WattscanError."""
        metrics_port = self._start_page(ports)
        try:
            # gRPC's own failure says neither why nor on one line.
            _bound(ports.address, ports.grpc).close()
            port = self._listen(place(ports.address, ports.grpc))
        except (OSError, RuntimeError) as error:
            raise _taken("--grpc-port", ports.address, ports.grpc, error) from None
        self._grpc.start()
        for task in self._upkeep:
            task.start()
        self._tell_health(True)
        return Ports(ports.address, port, metrics_port)

    def stop(self, grace: float) -> bool:
        """Drain and stop: health says NOT_SERVING, clients are told to go elsewhere (GOAWAY), calls
        that have come have `grace` seconds to finish. Returns whether all have."""
        deadline = time.monotonic() + grace
        self._health.enter_graceful_shutdown()
        self._pipeline.end_streams()
        # What comes before its client has read the GOAWAY is lost (grpcio answers CANCELLED). So
        # the GOAWAY goes out before the answers: who waits for one sends nothing meanwhile.
        self._dispatcher.clients.hold(_QUIET, min(_PATIENCE, Seconds(grace)))
        stopped = self._grpc.stop(grace)
        self._dispatcher.clients.release()
        for task in self._upkeep:
            task.stop(max(0.0, deadline - time.monotonic()))
        finished = self._drained(stopped, deadline)
        self._grpc.stop(None)
        if finished:
            # Else a request may still be in an engine; the end of the process frees those.
            self._pipeline.models.close()
        self._dispatcher.close()
        if self._page is not None:
            server, thread = self._page
            server.shutdown()
            thread.join()
        return finished

    def _drained(self, stopped: Event, deadline: float) -> bool:
        """Wait until all calls are answered, `deadline` at most; whether they are."""
        quiet_since = time.monotonic()
        while (now := time.monotonic()) < deadline:
            if stopped.wait(_LOOK_SECONDS) and not self._pipeline.running:
                return True
            # A call is open until its answer has gone out, however slow the network is.
            if self._pipeline.running or self._dispatcher.clients.short_calls:
                quiet_since = now
            elif now - quiet_since > _FLUSH_SECONDS:
                return True
        return not self._pipeline.running

    def _make(self, services: Sequence[Service]) -> grpc.Server:
        tokens, connections = self._settings.tokens, self._settings.connections
        roles = {name: role for service in services for name, role in service.roles().items()}
        server = grpc.server(
            ThreadPoolExecutor(connections.threads, thread_name_prefix="request"),
            interceptors=[
                *([Gate(tokens, roles)] if tokens is not None else []),
                FewReflections(self._dispatcher.clients),
            ],
            maximum_concurrent_rpcs=connections.most_calls,
            options=connections.options(
                self._settings.max_bytes + _ENVELOPE, self._settings.memory_left
            ),
        )
        for service in services:
            server.add_generic_rpc_handlers((self._dispatcher.handler(service),))
        server.add_generic_rpc_handlers((self._health.handler(),))
        names = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server, pool=POOL)
        return server

    def _listen(self, address: str) -> int:
        if self._settings.tls is None:
            return self._grpc.add_insecure_port(address)
        return self._grpc.add_secure_port(address, self._settings.tls.credentials())

    def _end_overdue(self) -> None:
        self._dispatcher.arrivals.look()
        self._health.arrivals.look()
        self._dispatcher.clients.end_revoked()

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
    # `create_server` puts the address into its text, which says it already.
    why = "not allowed"
    if isinstance(error, socket.gaierror):
        why = error.strerror or why
    elif isinstance(error, OSError) and error.errno:
        why = os.strerror(error.errno)
    if isinstance(error, socket.gaierror) or (
        isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL
    ):
        flag = "--address"
    return WattscanError(
        f"cannot listen on {place(address, port)} ({why}): choose another with {flag}"
    )
