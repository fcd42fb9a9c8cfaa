"""What a client makes of arguments, options and errors, without a service."""

import json
from typing import Any

import grpc
import numpy as np
import pytest

import wattscan
from wattscan.client import connection, questions
from wattscan.wire import wattscan_v1_pb2 as pb


@pytest.mark.parametrize(
    ("dtype", "told"),
    [("u1", "UINT8"), ("<u2", "UINT16"), (">u2", "UINT16"), ("<i2", "INT16"), (">f4", "FP32")],
)
def test_pixels_go_in_their_type_little_endian(dtype, told):
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    raw = questions.segment(array, "t", "fp32", 0).image.raw
    assert pb.DataType.Name(raw.data_type) == f"DATA_TYPE_{told}"
    assert list(raw.shape) == [2, 3]
    sent = np.frombuffer(raw.data, np.dtype(dtype).newbyteorder("<"))
    assert sent.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros((2, 2), bool), [[1, 2]], None])
def test_pixels_of_another_type_are_refused_by_name(array):
    with pytest.raises(wattscan.WattscanError, match="uint8, uint16, int16, float32"):
        questions.classify(array, "t", "fp32", 0)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(wattscan.WattscanError, match=r"none\.dcm cannot be read: No such file"):
        questions.segment(tmp_path / "none.dcm", "t", "fp32", 0)
    with pytest.raises(wattscan.WattscanError, match=r"none\.pem cannot be read"):
        wattscan.Client(tls=wattscan.Tls(ca=tmp_path / "none.pem"))


def test_tensors_of_a_type_that_the_protocol_lacks_are_refused():
    with pytest.raises(wattscan.WattscanError, match="'x' is complex128"):
        questions.infer("m", {"x": np.zeros(2, complex)}, "", ())
    request = questions.infer("m", {"x": np.zeros((2, 3), ">f4")}, "3", ("y",))
    assert (request.inputs[0].datatype, list(request.inputs[0].shape)) == ("FP32", [2, 3])
    assert request.model_version == "3" and request.outputs[0].name == "y"


def test_retries_hold_for_messages_of_any_size_and_can_be_switched_off():
    told = dict(connection.options("127.0.0.1:1", 4))
    assert told["grpc.per_rpc_retry_buffer_size"] >= 1 << 30
    (method,) = json.loads(told["grpc.service_config"])["methodConfig"]
    assert method["retryPolicy"]["maxAttempts"] == 4
    once = dict(connection.options("127.0.0.1:1", 1))
    assert once["grpc.enable_retries"] == 0 and once["grpc.service_config"] == "{}"


def test_a_service_that_is_not_there_is_an_error_with_a_status():
    client = wattscan.Client("127.0.0.1:1", timeout=5, attempts=1)
    with client, pytest.raises(wattscan.RequestFailed, match="does not answer") as failed:
        client.models()
    assert failed.value.status == grpc.StatusCode.UNAVAILABLE.name
    assert failed.value.retry_after is None
    assert isinstance(failed.value, wattscan.WattscanError)


def test_an_answer_that_is_not_what_it_says_is_told():
    from wattscan.client import answers
    from wattscan.wire import open_inference_pb2 as oip

    for datatype, shape, content in (
        ("BYTES", [1], b"x"),
        ("FP32", [3], b"1234"),
        ("FP32", [1], None),
    ):
        raw = [] if content is None else [content]
        answer = oip.ModelInferResponse(model_name="m", raw_output_contents=raw)
        answer.outputs.add(name="y", datatype=datatype, shape=shape)
        with pytest.raises(
            wattscan.WattscanError, match="the answer of m cannot be read: it has y"
        ):
            answers.inference(answer)
    mask = pb.SegmentResponse(mask=pb.Mask(height=2, width=2, pixels=b"123"))
    with pytest.raises(wattscan.WattscanError, match="is damaged"):
        answers.segmentation(mask)


def test_a_token_never_goes_out_in_the_clear_beyond_loopback():
    with pytest.raises(wattscan.WattscanError, match="in the clear"):
        wattscan.Client("box.example:8001", token="secret")
    wattscan.Client("localhost:8001", token="secret").close()
    wattscan.Client("box.example:8001", token="secret", tls=wattscan.Tls()).close()
    with pytest.raises(wattscan.WattscanError, match="a newline at its end"):
        wattscan.Client("localhost:8001", token="secret\n")


def test_half_a_pair_and_no_pem_are_told_before_grpc_ends_the_process(tmp_path):
    pem = tmp_path / "a.pem"
    pem.write_text("no certificate")
    for wrong in (wattscan.Tls(cert=pem), wattscan.Tls(key=pem)):
        with pytest.raises(wattscan.WattscanError, match="belong together"):
            wattscan.Client(tls=wrong)
    with pytest.raises(wattscan.WattscanError, match="is no PEM file"):
        wattscan.Client(tls=wattscan.Tls(ca=pem))


@pytest.mark.parametrize(("hint", "after"), [("50", 0.05), ("-1", None), ("abc", None), ("", None)])
def test_a_hint_that_is_none_is_none(hint, after):
    from types import SimpleNamespace

    from wattscan.client import answers

    error: Any = SimpleNamespace(
        code=lambda: grpc.StatusCode.RESOURCE_EXHAUSTED,
        details=lambda: "full",
        trailing_metadata=lambda: (("grpc-retry-pushback-ms", hint),),
    )
    assert answers.failure(error, "a:1").retry_after == after


def test_a_closed_client_and_an_empty_address_are_told():
    client = wattscan.Client("127.0.0.1:1")
    client.close()
    with pytest.raises(wattscan.WattscanError, match="the client is closed"):
        client.models()
    with pytest.raises(wattscan.WattscanError, match="the address is empty"):
        wattscan.Client(" ")
