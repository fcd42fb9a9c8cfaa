"""Real peers: what a client sees of the server itself, and through each proxy."""

import subprocess
import threading
import time

import grpc
import numpy as np
import pytest

from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

MODEL = "nerve-ultrasound-int8"
SHAPE = (80, 112, 1)
SEGMENT = "/wattscan.v1.ImagingService/Segment"


def picture(side):
    """A request of about side x side bytes."""
    pixels = np.zeros((side, side), np.uint8)
    raw = pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=pixels.shape, data=pixels.tobytes())
    return pb.SegmentRequest(
        task="nerve-ultrasound", precision=pb.PRECISION_INT8, image=pb.Image(raw=raw)
    )


def tensor(rows=1):
    request = oip.ModelInferRequest(model_name=MODEL, id=str(rows))
    request.inputs.add(name="image", datatype="FP32", shape=(rows, *SHAPE))
    request.raw_input_contents.append(np.zeros((rows, *SHAPE), np.float32).tobytes())
    return request


@pytest.mark.parametrize("side", [32, 256, 1023, 1024, 1025, 2300, 4500])
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


def test_curl_gets_its_answer(server, tmp_path, need_program):
    need_program("curl", "curl")
    address = f"127.0.0.1:{server.port}"
    for side in (32, 1024, 2300):
        message = picture(side).SerializeToString()
        (tmp_path / "body").write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--http2-prior-knowledge",
        ]
        command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        command += ["--data-binary", f"@{tmp_path / 'body'}", "-o", str(tmp_path / "answer")]
        subprocess.run([*command, f"http://{address}{SEGMENT}"], check=True)
        answer = (tmp_path / "answer").read_bytes()
        assert len(pb.SegmentResponse.FromString(answer[5:]).mask.pixels) == side * side


def test_a_bomb_is_refused_and_others_are_served(channel):
    stub = rpc.ImagingServiceStub(channel)
    done = threading.Event()
    lost = []

    def steady():
        while not done.is_set():
            try:
                stub.Segment(picture(32), timeout=20)
            except grpc.RpcError as error:
                lost.append(error.code())
            time.sleep(0.01)

    beside = threading.Thread(target=steady)
    beside.start()
    try:
        send = channel.unary_unary(SEGMENT)
        for _ in range(4):
            with pytest.raises(grpc.RpcError) as refused:
                # Some 400 KB on the wire.
                send(bytes(400 << 20), timeout=60, compression=grpc.Compression.Gzip)
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        done.set()
        beside.join()
    assert lost == []
