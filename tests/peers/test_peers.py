"""Real peers: what a client sees of the server itself, and through each proxy."""

import threading

import grpc
import pytest
from peer_messages import SIDES, picture, tensor

from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2_grpc as rpc


@pytest.mark.parametrize("side", SIDES)
def test_messages_from_1_kb_to_20_mb(channel, side):
    """Into both directions: a mask is as large as its picture."""
    answer = rpc.ImagingServiceStub(channel).Segment(picture(side), timeout=20)
    assert len(answer.mask.pixels) == side * side


def test_many_at_once(channel):
    stub = rpc.ImagingServiceStub(channel)
    calls = [stub.Segment.future(picture(700), timeout=60) for _ in range(24)]
    assert {len(call.result().mask.pixels) for call in calls} == {700 * 700}


def test_a_stream_answers_message_by_message(channel):
    gates = [threading.Event() for _ in range(5)]

    def messages():
        for number, gate in enumerate(gates):
            assert gate.wait(20)
            yield tensor(number + 1)

    stub = oip_rpc.GRPCInferenceServiceStub(channel)
    gates[0].set()
    answers = stub.ModelStreamInfer(messages(), timeout=60)
    for number in range(5):
        # The next one is sent only when this one is answered: the half-close comes late.
        assert next(answers).infer_response.id == str(number + 1)
        if number < 4:
            gates[number + 1].set()
    assert list(answers) == []


def test_a_stream_may_be_longer_than_any_message(channel):
    """90 MB in messages of 2.3 MB."""
    stub = oip_rpc.GRPCInferenceServiceStub(channel)
    answers = stub.ModelStreamInfer((tensor(64) for _ in range(40)), timeout=120)
    assert [answer.infer_response.id for answer in answers] == ["64"] * 40


def test_a_deadline_reaches_the_server(channel):
    with pytest.raises(grpc.RpcError) as over:
        rpc.ImagingServiceStub(channel).Segment(picture(4500), timeout=0.005)
    assert over.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(rpc.ImagingServiceStub(channel).Segment(picture(32), timeout=20).mask.pixels) == 1024


def test_a_cancelled_call_leaves_the_connection_to_others(channel):
    stub = rpc.ImagingServiceStub(channel)
    for _ in range(20):
        stub.Segment.future(picture(1500), timeout=20).cancel()
    assert len(stub.Segment(picture(32), timeout=20).mask.pixels) == 1024


def test_a_refusal_keeps_its_status_and_its_words(channel):
    with pytest.raises(grpc.RpcError) as refused:
        oip_rpc.GRPCInferenceServiceStub(channel).ModelInfer(
            oip.ModelInferRequest(model_name="none"), timeout=20
        )
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert "no such model" in refused.value.details()


def test_energy_comes_back_behind_the_answer(channel):
    _, call = rpc.ImagingServiceStub(channel).Segment.with_call(picture(32), timeout=20)
    trailing = dict(call.trailing_metadata())
    assert {"x-request-id", "energy_method"} <= trailing.keys()
