"""OpenTelemetry spans over OTLP/HTTP (the extra `otel`)."""

from __future__ import annotations

import grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from wattscan import __version__
from wattscan.serving.tracing import Ended, trace_id

# A stop waits for the last batch no longer than this, tries anew included.
_TIMEOUT_SECONDS = 3.0
# The server's faults by OpenTelemetry's conventions for gRPC; any other is the client's.
_FAULTS = (
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
)


class OtlpTracing:
    """Sends spans in batches from a thread of the SDK's; what cannot be sent is dropped."""

    def __init__(self, endpoint: str) -> None:
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        resource = Resource.create({"service.name": "wattscan", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("wattscan.serving")
        self._propagator = TraceContextTextMapPropagator()

    def record(self, ended: Ended) -> None:
        """A server span, a child of the caller's, with the names of OpenTelemetry's conventions
        for RPC; stages and energy beside them."""
        call = ended.call
        service, _, method = ended.method.partition("/")
        task, precision = call.labels
        attributes: dict[str, str | int | float] = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": ended.code.value[0],
            "wattscan.request_id": call.request_id,
            "wattscan.task": task,
            "wattscan.precision": precision,
        }
        attributes |= {f"wattscan.{k}_seconds": v for k, v in call.seconds.items()}
        if call.energy is not None:
            attributes["wattscan.energy_method"] = call.energy.method
            if call.energy.energy is not None:
                attributes["wattscan.energy_joules"] = call.energy.energy
        span = self._tracer.start_span(
            ended.method,
            # The propagator takes blanks around a header, and logs what it does not take.
            context=self._propagator.extract(
                {"traceparent": ended.traceparent} if trace_id(ended.traceparent) else {}
            ),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=ended.started_ns,
        )
        if ended.code in _FAULTS:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def close(self) -> None:
        """Send what is not sent yet."""
        self._provider.shutdown()
