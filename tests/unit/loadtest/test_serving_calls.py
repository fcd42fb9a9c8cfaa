"""The calls that servers are compared by, and the networks."""

import hashlib

import numpy as np
import pytest

from loadtest.serving import calls, networks
from loadtest.serving.networks import BenchmarkError
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import tensorflow_pb2 as tensorflow
from wattscan.wire import tensorflow_serving_pb2 as serving
from wattscan.wire import wattscan_v1_pb2 as typed

LOGITS = np.linspace(-1, 1, 256 * 256, dtype=np.float32).reshape(networks.OUTPUT_SHAPE)
MASK = (LOGITS >= 0).astype(np.uint8)
EXCHANGE: dict[str, np.ndarray] = {"logits": LOGITS, "mask": MASK}


@pytest.mark.parametrize("model", networks.SHA256)
def test_the_networks_are_those_that_are_pinned(model):
    content = networks.path(model).read_bytes()
    assert hashlib.sha256(content).hexdigest() == networks.SHA256[model]
    assert len(content) < 300_000


def test_another_file_is_refused(monkeypatch):
    monkeypatch.setitem(networks.SHA256, "light", "0" * 64)
    with pytest.raises(BenchmarkError, match=r"light\.onnx is not the file"):
        networks.path("light")


def test_what_is_sent_is_the_same_each_time():
    assert networks.tensor().nbytes == networks.INPUT_BYTES == 786_432
    assert np.array_equal(networks.tensor(), networks.tensor())
    standard = networks.standardised(networks.pixels())
    assert standard.shape == networks.SHAPE
    assert abs(standard.mean()) < 1e-4
    assert abs(standard.std() - 1) < 1e-4


def test_open_inference_request():
    call = calls.build("oip", "light", EXCHANGE)
    request = oip.ModelInferRequest.FromString(call.request)
    assert call.method == "/inference.GRPCInferenceService/ModelInfer"
    assert request.model_name == "light"
    (image,) = request.inputs
    assert (image.name, image.datatype, list(image.shape)) == ("image", "FP32", [1, 3, 256, 256])
    assert request.raw_input_contents[0] == networks.tensor().tobytes()


def test_open_inference_answers_raw_or_listed():
    check = calls.build("oip", "light", EXCHANGE).check
    raw = oip.ModelInferResponse(raw_output_contents=[LOGITS.tobytes()])
    check(raw.SerializeToString())
    listed = oip.ModelInferResponse()
    listed.outputs.add(name="logits").contents.fp32_contents.extend(LOGITS.ravel().tolist())
    check(listed.SerializeToString())
    with pytest.raises(BenchmarkError, match="no output"):
        check(b"")
    other = oip.ModelInferResponse(raw_output_contents=[(LOGITS + 1).tobytes()])
    with pytest.raises(BenchmarkError, match="differs by up to 1"):
        check(other.SerializeToString())


def test_shared_memory_request_carries_no_tensor():
    request = oip.ModelInferRequest.FromString(calls.shared("heavy", "in", "out"))
    assert not request.raw_input_contents
    for side, region, size in ((request.inputs, "in", 786_432), (request.outputs, "out", 262_144)):
        parameters = side[0].parameters
        assert parameters["shared_memory_region"].string_param == region
        assert parameters["shared_memory_byte_size"].int64_param == size


def test_tensorflow_serving_request():
    call = calls.build("tfs", "heavy", EXCHANGE)
    request = serving.PredictRequest.FromString(call.request)
    image = request.inputs["image"]
    assert request.model_spec.name == "heavy"
    assert image.dtype == tensorflow.DT_FLOAT
    assert [dim.size for dim in image.tensor_shape.dim] == [1, 3, 256, 256]
    assert image.tensor_content == networks.tensor().tobytes()
    response = serving.PredictResponse()
    response.outputs["logits"].tensor_content = LOGITS.tobytes()
    call.check(response.SerializeToString())


def test_typed_request():
    call = calls.build("typed", "light", EXCHANGE)
    request = typed.SegmentRequest.FromString(call.request)
    assert (request.task, request.precision) == ("brain-mri", typed.PRECISION_FP32)
    assert list(request.image.raw.shape) == [256, 256, 3]
    answer = typed.SegmentResponse(mask=typed.Mask(pixels=MASK.tobytes()))
    call.check(answer.SerializeToString())
    answer.mask.pixels = (1 - MASK).tobytes()
    with pytest.raises(BenchmarkError, match=r"100\.0%"):
        call.check(answer.SerializeToString())
