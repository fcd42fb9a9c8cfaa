"""A caller's trace goes on in the spans that are sent out."""

import time

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from wattscan.contracts import EnergyShare
from wattscan.serving.call import Call
from wattscan.serving.tracing import Ended, open_tracing, trace_id
from wattscan.units import Joules

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"
HOSTILE = [
    "", "-", GOOD[:-1], GOOD + "0", GOOD.upper(), GOOD.replace("-", "_"), GOOD + "\n", "\n" + GOOD,
    f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01-SECRET", f"cc-{TRACE}-{PARENT}-01SECRET",
    f"00-{'SECRET'.ljust(32, 'x')}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01\nSECRET",
    f"cc-{TRACE}-{PARENT}-01-a\nSECRET", "00-" + "\N{ARABIC-INDIC DIGIT ONE}" * 32 + "-" + PARENT,
    GOOD * 1000, "0" * 100_000,
]  # fmt: skip


def spans_of(bodies):
    return [
        (span, {a.key: a.value for a in resource.resource.attributes})
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def exported(sink, *ended):
    endpoint, bodies = sink
    tracing = open_tracing(endpoint)
    for each in ended:
        tracing.record(each)
    tracing.close()
    return spans_of(bodies)


def ended(traceparent="", code=grpc.StatusCode.OK, **call):
    made = Call("oip", request_id="ab12", **call)
    return Ended("inference.GRPCInferenceService/ModelInfer", made, code, traceparent, 10**18)


def test_the_trace_of_a_caller():
    assert trace_id(GOOD) == TRACE
    # A later version may have more behind the flags.
    assert trace_id(f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like") == TRACE


@pytest.mark.parametrize("header", HOSTILE)
def test_anything_else_is_no_trace(header):
    assert trace_id(header) == ""


@given(st.text(max_size=200) | st.from_regex(r"[0-9a-f]{2}-.{0,50}-.{0,50}-.{0,10}"))
def test_only_hexadecimal_digits_come_through(header):
    found = trace_id(header)
    assert found == "" or (len(found) == 32 and set(found) <= set("0123456789abcdef"))


def test_a_span_belongs_to_the_caller_s_trace(sink):
    energy = EnergyShare(Joules(0.5), "counter", "chip")
    call = {"seconds": {"queue": 0.25, "infer": 0.5}, "energy": energy}
    ((span, resource),) = exported(sink, ended(GOOD, **call))
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert span.name == "inference.GRPCInferenceService/ModelInfer"
    assert span.kind == trace_pb2.Span.SPAN_KIND_SERVER
    assert span.start_time_unix_nano == 10**18
    assert abs(span.end_time_unix_nano - time.time_ns()) < 60e9
    assert span.status.code == trace_pb2.Status.STATUS_CODE_UNSET
    assert resource["service.name"].string_value == "wattscan"
    attributes = {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}
    assert attributes == {
        "rpc.system": "grpc",
        "rpc.service": "inference.GRPCInferenceService",
        "rpc.method": "ModelInfer",
        "rpc.grpc.status_code": 0,
        "wattscan.request_id": "ab12",
        "wattscan.task": "unknown",
        "wattscan.precision": "unknown",
        "wattscan.queue_seconds": 0.25,
        "wattscan.infer_seconds": 0.5,
        "wattscan.energy_joules": 0.5,
        "wattscan.energy_method": "counter",
    }


def test_a_caller_without_a_trace_gets_one_of_its_own(sink):
    spans = exported(sink, ended(), *(ended(header) for header in HOSTILE))
    assert len(spans) == len(HOSTILE) + 1
    assert all(span.parent_span_id == b"" for span, _ in spans)
    assert len({span.trace_id for span, _ in spans}) == len(spans)
    assert not any(b"SECRET" in span.SerializeToString() for span, _ in spans)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (grpc.StatusCode.INTERNAL, True),
        (grpc.StatusCode.UNAVAILABLE, True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, True),
        (grpc.StatusCode.INVALID_ARGUMENT, False),
        (grpc.StatusCode.NOT_FOUND, False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
    ],
)
def test_the_server_s_faults_are_errors_and_the_client_s_are_not(sink, code, fault):
    ((span, _),) = exported(sink, ended(code=code))
    assert (span.status.code == trace_pb2.Status.STATUS_CODE_ERROR) is fault
    assert span.status.message == ""
    (number,) = [a.value.int_value for a in span.attributes if a.key == "rpc.grpc.status_code"]
    assert number == code.value[0]


def test_a_caller_who_does_not_sample_is_heeded(sink):
    assert exported(sink, ended(f"00-{TRACE}-{PARENT}-00")) == []


def test_a_sink_that_is_not_there_costs_the_caller_nothing(caplog):
    tracing = open_tracing("http://127.0.0.1:1/v1/traces")
    start = time.monotonic()
    for _ in range(100):
        tracing.record(ended(GOOD))
    assert time.monotonic() - start < 30  # and waits for none
    tracing.close()
    assert GOOD not in caplog.text
