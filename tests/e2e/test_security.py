"""Tokens, rates, limits and request ids, of real processes."""

import json
import math
import time
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from waiting import wait_until
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb

READER, WARD, OWNER, NEW = (f"{letter * 4}-0123456789abcdef" for letter in "rwon")
STATUS = grpc.StatusCode


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"reader infer {READER}\nward infer {WARD}\noffice admin {OWNER}\n")
    path.chmod(0o600)
    return path


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


def infer(name="tiny"):
    request = oip.ModelInferRequest(model_name=name)
    request.inputs.add(name="image", datatype="FP32", shape=[1, 4, 4, 1])
    request.raw_input_contents.append(np.zeros(16, np.float32).tobytes())
    return request


def outcome(method, request, metadata=()):
    """The code, the text and the trailing metadata of a call."""
    call = method.future(request, metadata=metadata, timeout=20)
    code = call.code()
    return SimpleNamespace(
        code=code, text=call.details(), trailing=dict(call.trailing_metadata() or ())
    )


def code_of(method, request, token=None):
    return outcome(method, request, bearer(token) if token else ()).code


def stream_codes(service, requests, metadata=()):
    """What each request of a stream is answered with, or the stream's own status."""
    try:
        call = service.oip.ModelStreamInfer(iter(requests), metadata=metadata, timeout=20)
        return [answer.error_message for answer in call]
    except grpc.RpcError as error:
        return error.code()


def test_methods_are_guarded_by_roles(start, tokens):
    service = start("--tokens", tokens)
    stub = service.oip
    for token in (None, NEW):
        assert code_of(stub.ModelInfer, infer(), token) is STATUS.UNAUTHENTICATED
        metadata = bearer(token) if token else ()
        assert stream_codes(service, [infer()], metadata) is STATUS.UNAUTHENTICATED
        assert code_of(service.stub.ListModels, pb.ListModelsRequest(), token) is (
            STATUS.UNAUTHENTICATED
        )
    assert stream_codes(service, [infer()] * 2, bearer(READER)) == ["", ""]
    for token in (READER, OWNER):
        assert code_of(stub.ModelInfer, infer(), token) is STATUS.OK
    guarded = [
        (stub.TraceSetting, oip.TraceSettingRequest(), STATUS.UNIMPLEMENTED),
        (stub.LogSettings, oip.LogSettingsRequest(), STATUS.UNIMPLEMENTED),
        (stub.RepositoryModelUnload, oip.RepositoryModelUnloadRequest(model_name="tiny"), None),
        (stub.RepositoryModelLoad, oip.RepositoryModelLoadRequest(model_name="tiny"), None),
    ]
    for method, request, answer in guarded:
        assert code_of(method, request) is STATUS.UNAUTHENTICATED
        assert code_of(method, request, READER) is STATUS.PERMISSION_DENIED
        assert code_of(stub.ModelInfer, infer(), READER) is STATUS.OK
        assert code_of(method, request, OWNER) is (answer or STATUS.OK)
        if method is stub.RepositoryModelUnload:
            code_of(stub.RepositoryModelLoad, guarded[-1][1], OWNER)
    log = service.log.read_text()
    assert not any(token in log for token in (READER, WARD, OWNER, NEW))


def test_health_is_open_and_reflection_is_not(start, tokens):
    service = start("--tokens", tokens)
    health = health_pb2_grpc.HealthStub(service.channel)
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=5).status == 1
    reflection = reflection_pb2_grpc.ServerReflectionStub(service.channel)
    ask = reflection_pb2.ServerReflectionRequest(list_services="")

    def names(metadata):
        (answer,) = reflection.ServerReflectionInfo(iter([ask]), metadata=metadata, timeout=5)
        return {each.name for each in answer.list_services_response.service}

    assert "inference.GRPCInferenceService" in names(bearer(READER))
    with pytest.raises(grpc.RpcError) as error:
        names(())
    assert error.value.code() is STATUS.UNAUTHENTICATED


def test_a_new_token_file_counts_while_the_server_runs(start, tokens):
    service = start("--tokens", tokens)
    assert code_of(service.oip.ModelInfer, infer(), READER) is STATUS.OK
    fresh = tokens.with_name("fresh")
    fresh.write_text(f"reader infer {NEW}\n")
    fresh.chmod(0o600)
    fresh.replace(tokens)
    wait_until(lambda: code_of(service.oip.ModelInfer, infer(), NEW) is STATUS.OK)
    assert code_of(service.oip.ModelInfer, infer(), READER) is STATUS.UNAUTHENTICATED
    tokens.write_text("broken\n")
    time.sleep(1.1)
    assert code_of(service.oip.ModelInfer, infer(), NEW) is STATUS.OK
    assert "line 1 of the token file" in service.log.read_text()


def test_a_rate_is_of_a_token_however_it_is_written(start, tokens):
    service = start("--tokens", tokens, "--rate-limit", "0.2")
    assert code_of(service.oip.ModelInfer, infer(), READER) is STATUS.OK
    refused = outcome(service.oip.ModelInfer, infer(), bearer(READER))
    assert refused.code is STATUS.RESOURCE_EXHAUSTED
    pushback = int(refused.trailing["grpc-retry-pushback-ms"])
    assert 3000 < pushback <= 5000
    assert READER not in refused.text
    others = [
        (("authorization", f"bEARER  {READER} "),),
        (*bearer(READER), ("authorization", "Bearer of-anything-else-at-all")),
    ]
    for metadata in others:
        assert outcome(service.oip.ModelInfer, infer(), metadata).code is (
            STATUS.RESOURCE_EXHAUSTED
        ), metadata
    # Another client has a rate of its own, and health none.
    assert code_of(service.oip.ModelInfer, infer(), WARD) is STATUS.OK
    health = health_pb2_grpc.HealthStub(service.channel)
    for _ in range(5):
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=5).status == 1


def test_each_request_of_a_stream_counts_and_a_hint_is_heeded(start):
    service = start("--rate-limit", "2")
    errors = stream_codes(service, [infer()] * 5)
    assert errors[:2] == ["", ""]
    assert len(errors) == 5
    assert all("more than 2 requests a second" in error for error in errors[2:])
    refused = outcome(service.oip.ModelInfer, infer())
    assert refused.code is STATUS.RESOURCE_EXHAUSTED
    time.sleep(math.nextafter(int(refused.trailing["grpc-retry-pushback-ms"]) / 1000, 1))
    assert code_of(service.oip.ModelInfer, infer()) is STATUS.OK


def test_a_request_id_comes_back_and_is_in_the_log(start, tokens):
    service = start("--tokens", tokens, "--log-format", "json", "--log-requests", "yes")
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = (("x-request-id", "of-the-client"), ("traceparent", f"00-{trace}-b7ad6b7169203331-01"))
    calls = {
        "OK": outcome(service.oip.ModelInfer, infer(), (*bearer(READER), *sent)),
        "NOT_FOUND": outcome(service.oip.ModelInfer, infer("none"), bearer(READER)),
        "UNAUTHENTICATED": outcome(service.oip.ModelInfer, infer(), sent),
        "PERMISSION_DENIED": outcome(
            service.oip.TraceSetting, oip.TraceSettingRequest(), bearer(READER)
        ),
    }
    stream = service.oip.ModelStreamInfer(iter([infer()]), metadata=bearer(READER), timeout=20)
    assert len(list(stream)) == 1
    streamed = dict(stream.trailing_metadata())["x-request-id"]
    assert service.stop() == 0
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    by_id = {line["request_id"]: line for line in lines if "request_id" in line}
    for code, call in calls.items():
        assert call.code.name == code
        line = by_id[call.trailing["x-request-id"]]
        assert (line["code"], code in line["message"]) == (code, True)
    assert streamed in by_id
    assert len({call.trailing["x-request-id"] for call in calls.values()}) == 4
    assert by_id[calls["OK"].trailing["x-request-id"]]["trace_id"] == trace
    assert "of-the-client" not in service.log.read_text()
