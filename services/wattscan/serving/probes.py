"""gRPC's own services, health and reflection, so that nobody can hold them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from wattscan.serving.admission import arriving
from wattscan.serving.errors import Cancelled, QueueFull
from wattscan.serving.turns import Places

# Probes have threads of their own: whoever holds all others must not make a server look dead.
_HEALTH_THREADS = 4
_REFLECTIONS = 8
_REFLECTION = "/grpc.reflection."

_Find = Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"]


class Health(health.HealthServicer):
    """gRPC's, on threads of its own; who watches holds none."""

    def __init__(self) -> None:
        pool = ThreadPoolExecutor(_HEALTH_THREADS, thread_name_prefix="health")
        super().__init__(experimental_thread_pool=pool)
        # As grpcio's own health service does for its other method.
        self.Check.__func__.experimental_thread_pool = pool  # type: ignore[attr-defined]

    def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """As gRPC's."""
        return super().Check(request, context)


class FewReflections(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Bounds the streams of reflection: each holds a thread for as long as its client likes."""

    def __init__(self, most: int = _REFLECTIONS) -> None:
        self._places = Places(most, "streams of reflection are open")

    def intercept_service(
        self, continuation: _Find, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's own handler, bounded where it is reflection's."""
        handler = continuation(details)
        if handler is None or not details.method.startswith(_REFLECTION):
            return handler
        answer: Any = handler.stream_stream  # the stubs have it that each may be missing

        def bounded(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                with self._places:
                    yield from answer(arriving(messages), context)
            except Cancelled:
                return
            except QueueFull as error:
                context.abort(error.status, str(error))

        return grpc.stream_stream_rpc_method_handler(
            bounded, handler.request_deserializer, handler.response_serializer
        )
