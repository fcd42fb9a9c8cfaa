"""gRPC's own services, health and reflection, so that nobody can hold them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2

from wattscan.serving.admission import Clients
from wattscan.serving.arrivals import Arrivals, arriving
from wattscan.serving.errors import RequestRefused, retry_hint
from wattscan.serving.rpc import parsed
from wattscan.units import Seconds

# Probes have threads of their own: whoever holds all others must not make a server look dead. One
# client can hold a quarter of them, for as long as its message may take.
_CLIENT_CALLS = 32
_THREADS = 4 * _CLIENT_CALLS
_PATIENCE = Seconds(5.0)
_REFLECTION = "/grpc.reflection."

_Find = Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"]
_Send = Callable[[Any], None]


class Health(health.HealthServicer):
    """gRPC's, on threads of its own; who watches holds none."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="health")
        super().__init__(experimental_thread_pool=self._pool)
        self._clients = Clients(_CLIENT_CALLS)
        self.arrivals = Arrivals(_PATIENCE)

    def handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        """As grpcio's own, but called before the message has come: until then a client would hold
        a thread, and nobody could tell whose call it is."""

        def check(messages: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            with _refused(context):
                return self.Check(self._request(messages, context), context)

        def watch(
            messages: Iterator[bytes], context: grpc.ServicerContext, send_response_callback: _Send
        ) -> None:
            with _refused(context):
                self.Watch(self._request(messages, context), context, send_response_callback)

        # As grpcio does it with its own.
        check.experimental_thread_pool = self._pool  # type: ignore[attr-defined]
        watch.experimental_thread_pool = self._pool  # type: ignore[attr-defined]
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        serialize = health_pb2.HealthCheckResponse.SerializeToString
        unary, stream = grpc.stream_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        methods = {
            "Check": unary(check, response_serializer=serialize),
            "Watch": stream(watch, response_serializer=serialize),
        }
        return grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods)

    def _request(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Any:
        client = self._clients.enter(context)
        data = self.arrivals.message(messages, context, client)
        return parsed(health_pb2.HealthCheckRequest, data)


@contextmanager
def _refused(context: grpc.ServicerContext) -> Iterator[None]:
    """What is refused inside ends the call with its status."""
    try:
        yield
    except RequestRefused as error:
        context.set_trailing_metadata(retry_hint(error))
        context.abort(error.status, str(error))


class FewReflections(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Has the streams of reflection count among their client's: each holds a thread."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def intercept_service(
        self, continuation: _Find, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's own handler, bounded where it is reflection's."""
        handler = continuation(details)
        if handler is None or not details.method.startswith(_REFLECTION):
            return handler
        answer: Any = handler.stream_stream  # the stubs have it that each may be missing

        def bounded(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
            with _refused(context):
                self._clients.enter(context, stream=True)
                yield from answer(arriving(messages), context)

        return grpc.stream_stream_rpc_method_handler(
            bounded, handler.request_deserializer, handler.response_serializer
        )
