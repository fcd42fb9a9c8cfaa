"""W3C trace context in, and OpenTelemetry spans out where the operator asks for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import grpc

from wattscan.plugins import sdk
from wattscan.serving.call import Call

# https://www.w3.org/TR/trace-context/: version, trace id, parent id, flags, in hexadecimal.
# Version ff and numbers of zeros stand for none; what comes after the flags is of later versions.
_TRACEPARENT = re.compile(
    r"(?:00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"|(?!00|ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?)"
)


@dataclass(frozen=True)
class Ended:
    """A call that has ended. `method` is its full name, `started_ns` Unix time."""

    method: str
    call: Call
    code: grpc.StatusCode
    traceparent: str
    started_ns: int


class Tracing(Protocol):
    """Takes the spans of ended calls."""

    def record(self, ended: Ended) -> None:
        """Make a span of it."""
        ...

    def close(self) -> None:
        """Send what is not sent yet."""
        ...


def trace_id(traceparent: str) -> str:
    """The trace that a call belongs to, or "". Only hexadecimal digits come through."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return (match[1] or match[2]) if match else ""


def open_tracing(endpoint: str) -> Tracing:
    """Export spans to an OTLP/HTTP endpoint, such as http://127.0.0.1:4318/v1/traces.

    Raises: EngineAbsent, if the extra `otel` is not installed.
    """
    sdk("opentelemetry.exporter.otlp.proto.http.trace_exporter", "otel")
    from wattscan.serving.otlp import OtlpTracing

    return OtlpTracing(endpoint)
