"""How every method of every protocol is called: limits, request id, status, energy, counting."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError

from wattscan.serving.admission import Clients
from wattscan.serving.arrivals import Arrivals
from wattscan.serving.call import Call
from wattscan.serving.errors import RequestRefused, retry_hint, status_of
from wattscan.serving.messages import Answer, joined
from wattscan.serving.observations import Observations
from wattscan.serving.security.tokens import Role
from wattscan.serving.tracing import Ended, Tracing, trace_id

Unary: TypeAlias = Callable[[bytes, Call], Answer]
Stream: TypeAlias = Callable[[Iterator[bytes], Call], Iterator[Answer]]

_PRIORITY = "priority"

log = logging.getLogger("wattscan.requests")


@dataclass(frozen=True)
class Method:
    """One method of a protocol. Bytes in, bytes out, the large ones in parts: gRPC's own parsing
    would copy large tensors, and log what it cannot parse.

    `infers`: it is counted and traced as a request to a model.
    """

    answer: Unary | None = None
    stream: Stream | None = None
    infers: bool = False
    role: Role = "infer"


@dataclass(frozen=True)
class Service:
    """A gRPC service and the protocol that it belongs to."""

    name: str
    protocol: str
    methods: Mapping[str, Method]

    def roles(self) -> dict[str, Role]:
        """Full name of each method -> the role that it needs."""
        return {f"/{self.name}/{name}": method.role for name, method in self.methods.items()}


class Dispatcher:
    """Makes gRPC handlers of services."""

    def __init__(
        self,
        observations: Observations,
        clients: Clients,
        arrivals: Arrivals,
        tracing: Tracing | None = None,
        log_requests: bool = False,
    ) -> None:
        self._observations = observations
        self.clients = clients
        self.arrivals = arrivals
        self._tracing = tracing
        self._log_requests = log_requests

    def handler(self, service: Service) -> grpc.GenericRpcHandler[Any, Any]:
        """What a gRPC server needs to serve it."""
        return grpc.method_handlers_generic_handler(
            service.name,
            {
                name: self._method(f"{service.name}/{name}", service.protocol, method)
                for name, method in service.methods.items()
            },
        )

    def close(self) -> None:
        """Send the spans that are not sent yet."""
        if self._tracing is not None:
            self._tracing.close()

    def _method(self, name: str, protocol: str, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        def unary(messages: Iterator[bytes], context: grpc.ServicerContext) -> Answer:
            assert method.answer is not None  # noqa: S101
            with _Served(self, name, protocol, method, context) as served:
                client = self.clients.enter(context)
                data = self.arrivals.message(messages, context, client)
                answer = method.answer(data, served.call)
                served.tell_cost()
            return answer

        def stream(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Answer]:
            assert method.stream is not None  # noqa: S101
            with _Served(self, name, protocol, method, context) as served:
                client = self.clients.enter(context, stream=True)
                coming = self.arrivals.messages(messages, context, client)
                yield from method.stream(coming, served.call)
                served.tell_cost()

        if method.stream is not None:
            return grpc.stream_stream_rpc_method_handler(stream, response_serializer=joined)
        # As of a stream: a handler of one message is called only when that has come, and until then
        # nobody could tell whose the call is that holds a thread.
        return grpc.stream_unary_rpc_method_handler(unary, response_serializer=joined)

    def admit(self, context: grpc.ServicerContext) -> None:
        """Of a stream, each message. Raises: RateExceeded, Unauthenticated."""
        self.clients.check(context)

    def finished(self, ended: Ended, method: Method) -> None:
        """Count the call, log it and trace it; returns when its answer may go."""
        self.arrivals.over()
        call, code = ended.call, ended.code
        if method.infers:
            self._observations.finished(*call.labels, call.protocol, code.name)
        if self._log_requests:
            log.info("%s %s", ended.method, code.name, extra=_fields(call, code))
        if self._tracing is not None and (method.infers or method.stream is not None):
            try:
                self._tracing.record(ended)
            except Exception as error:  # nobody's answer depends on its span
                log.warning("a span was not recorded: %s", type(error).__name__)
        if method.stream is None:
            self.clients.await_release()


class _Served:
    """A call while it is served; it ends with a status whatever happens inside."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        name: str,
        protocol: str,
        method: Method,
        context: grpc.ServicerContext,
    ) -> None:
        self._dispatcher = dispatcher
        self._name = name
        self._method = method
        self._context = context
        self._started_ns = time.time_ns()
        metadata = _texts(context)
        self._traceparent = metadata.get("traceparent", "")
        # The stubs know no call without a deadline.
        left = cast("float | None", context.time_remaining())
        self.call = Call(
            protocol,
            deadline=None if left is None else time.monotonic() + left,
            is_alive=context.is_active,
            on_end=context.add_callback,
            admit=lambda: dispatcher.admit(context),
            priority=_number(metadata.get(_PRIORITY)),
            trace_id=trace_id(self._traceparent),
        )

    def __enter__(self) -> _Served:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        code, text = grpc.StatusCode.OK, ""
        if isinstance(error, Exception):
            code, text = explain(error, self.call)
        ended = Ended(self._name, self.call, code, self._traceparent, self._started_ns)
        self._dispatcher.finished(ended, self._method)
        if isinstance(error, Exception):
            self._refuse(error, code, text)

    def tell_cost(self) -> None:
        """The energy, as far as it is known, goes out behind the answer."""
        self._context.set_trailing_metadata(self._trailing())

    def _trailing(self) -> tuple[tuple[str, str], ...]:
        trailing = [("x-request-id", self.call.request_id)]
        energy = self.call.energy
        if energy is not None:
            trailing.append(("energy_method", energy.method))
            if energy.energy is not None:
                trailing.append(("energy_joules", f"{energy.energy:.6g}"))
            if energy.scope is not None:
                trailing.append(("energy_scope", energy.scope))
        return tuple(trailing)

    def _refuse(self, error: Exception, code: grpc.StatusCode, text: str) -> None:
        self._context.set_trailing_metadata(self._trailing() + retry_hint(error))
        self._context.abort(code, text)


def explain(error: Exception, call: Call) -> tuple[grpc.StatusCode, str]:
    """What the client is told; a bug is logged."""
    code, text = status_of(error)
    if code is grpc.StatusCode.INTERNAL:
        # The type and place only: a decoder's text may quote the image's header.
        log.error("request failed: %s", _where(error), extra=_fields(call, code))
    return code, text


def parsed(message_type: Any, data: bytes) -> Any:
    """The message. Raises: RequestRefused, if the bytes are none."""
    try:
        return message_type.FromString(data)
    except DecodeError:
        name = message_type.DESCRIPTOR.full_name
        raise RequestRefused(f"the request is not a {name} message") from None


def _fields(call: Call, code: grpc.StatusCode) -> dict[str, object]:
    task, precision = call.labels
    return {
        "request_id": call.request_id,
        "trace_id": call.trace_id,
        "protocol": call.protocol,
        "task": task,
        "precision": precision,
        "code": code.name,
        "seconds": round(call.seconds.get("total", 0.0), 6),
    }


def _texts(context: grpc.ServicerContext) -> dict[str, str]:
    # Keys that end in -bin have bytes, whatever the stubs say.
    sent: Iterable[tuple[str, object]] = context.invocation_metadata()
    return {key: value for key, value in sent if isinstance(value, str)}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 4 else 0


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
    return f"{type(error).__name__} at {place}"
