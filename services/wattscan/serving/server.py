"""The gRPC server and the metrics page of one target."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Thread
from wsgiref.simple_server import WSGIServer

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, start_http_server

from wattscan.contracts import Target, WattscanError
from wattscan.imaging.limits import MAX_BYTES
from wattscan.serving.observations import Observations
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.typed import SERVICE, ImagingService

_SPARE_THREADS = 8  # for health, reflection and refusals while the queue is full
# For answers on their way out; a probe that watches health would hold the server for longer.
_FLUSH_SECONDS = 2.0
_ENVELOPE = 1024 * 1024  # what a message has around its image


@dataclass(frozen=True)
class Ports:
    """Where the server listens. Port 0 takes a free one."""

    address: str
    grpc: int
    metrics: int


class Server:
    """One target's service, from `start` to `stop`."""

    def __init__(
        self,
        target: Target,
        pipeline: Pipeline,
        observations: Observations,
        registry: CollectorRegistry,
    ) -> None:
        self._pipeline = pipeline
        self._registry = registry
        self._health = health.HealthServicer()
        threads = target.queue_limit + _SPARE_THREADS
        self._grpc = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="request"),
            maximum_concurrent_rpcs=threads,
            options=[
                ("grpc.max_receive_message_length", MAX_BYTES + _ENVELOPE),
                ("grpc.max_send_message_length", MAX_BYTES + _ENVELOPE),
                # Two servers must not share a port unseen.
                ("grpc.so_reuseport", 0),
            ],
        )
        self._grpc.add_generic_rpc_handlers((ImagingService(pipeline, observations).handler(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._grpc)
        self._page: tuple[WSGIServer, Thread] | None = None

    def start(self, ports: Ports) -> Ports:
        """Listen; returns the ports taken. Raises: WattscanError."""
        metrics_port = self._start_page(ports)
        try:
            # gRPC's own failure says neither why nor on one line.
            with socket.create_server((ports.address, ports.grpc)):
                pass
            port = self._grpc.add_insecure_port(f"{ports.address}:{ports.grpc}")
        except (OSError, RuntimeError) as error:
            raise _taken("--grpc-port", ports.address, ports.grpc, error) from None
        self._grpc.start()
        for service in ("", SERVICE):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return Ports(ports.address, port, metrics_port)

    def stop(self, grace: float) -> bool:
        """Drain and stop: health says NOT_SERVING, new requests get UNAVAILABLE, running ones
        have `grace` seconds to finish. Returns whether all have."""
        deadline = time.monotonic() + grace
        self._health.enter_graceful_shutdown()
        finished = self._pipeline.drain(grace)
        left = max(0.0, deadline - time.monotonic())
        self._grpc.stop(min(left, _FLUSH_SECONDS) if finished else 0).wait()
        if finished:
            # Else a request may still be in an engine; the end of the process frees those.
            self._pipeline.models.close()
        if self._page is not None:
            server, thread = self._page
            server.shutdown()
            thread.join()
        return finished

    def _start_page(self, ports: Ports) -> int:
        try:
            self._page = start_http_server(ports.metrics, ports.address, self._registry)
        except OSError as error:
            raise _taken("--metrics-port", ports.address, ports.metrics, error) from None
        return self._page[0].server_port


def _taken(flag: str, address: str, port: int, error: Exception) -> WattscanError:
    why = (error.strerror if isinstance(error, OSError) else None) or "not allowed"
    return WattscanError(f"cannot listen on {address}:{port} ({why}): choose another with {flag}")
