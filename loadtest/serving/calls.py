"""A request in each protocol: the bytes that are sent, and how an answer is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.serving import networks
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import tensorflow_pb2 as tensorflow
from wattscan.wire import tensorflow_serving_pb2 as serving
from wattscan.wire import wattscan_v1_pb2 as typed

Check = Callable[[bytes], None]
"""Raises BenchmarkError where the answer is not the bare session's."""

TITLES = {
    "oip": "Open Inference Protocol",
    "oip-shm": "Open Inference Protocol, shared memory",
    "tfs": "TensorFlow Serving",
    "typed": "wattscan.v1",
}
OIP_SERVICE = "/inference.GRPCInferenceService/"


@dataclass(frozen=True)
class Call:
    """One request, serialised once and sent again and again."""

    method: str
    request: bytes
    check: Check


@dataclass(frozen=True)
class Expected:
    """The bare session's answers: to `networks.tensor()`, and to the standardised image."""

    logits: NDArray[np.float32]
    typed_logits: NDArray[np.float32]


def build(protocol: str, model: str, expected: Expected) -> Call:
    """The call of a protocol that carries its tensors itself."""
    makers: dict[str, Callable[[str, Expected], Call]] = {
        "oip": _open_inference,
        "tfs": _tensorflow_serving,
        "typed": _typed,
    }
    return makers[protocol](model, expected)


def shared(model: str, source: str, target: str) -> bytes:
    """An Open Inference request whose tensors are in registered regions of those names."""
    request = oip.ModelInferRequest(model_name=model)
    image = request.inputs.add(name=networks.INPUT, datatype="FP32", shape=networks.SHAPE)
    logits = request.outputs.add(name=networks.OUTPUT)
    for side, region, size in (
        (image, source, networks.INPUT_BYTES),
        (logits, target, networks.OUTPUT_BYTES),
    ):
        side.parameters["shared_memory_region"].string_param = region
        side.parameters["shared_memory_byte_size"].int64_param = size
    return request.SerializeToString()


def _open_inference(model: str, expected: Expected) -> Call:
    request = oip.ModelInferRequest(model_name=model)
    request.inputs.add(name=networks.INPUT, datatype="FP32", shape=networks.SHAPE)
    request.raw_input_contents.append(networks.tensor().tobytes())

    def check(content: bytes) -> None:
        networks.check_logits(
            logits_of(oip.ModelInferResponse.FromString(content)), expected.logits
        )

    return Call(OIP_SERVICE + "ModelInfer", request.SerializeToString(), check)


def logits_of(response: oip.ModelInferResponse) -> NDArray[np.float32]:
    """The one output, flat, whether it came raw or as a list of floats."""
    if response.raw_output_contents:
        return np.frombuffer(response.raw_output_contents[0], "<f4")
    if not response.outputs:
        raise networks.BenchmarkError("an answer has no output")
    return np.array(response.outputs[0].contents.fp32_contents, np.float32)


def _tensorflow_serving(model: str, expected: Expected) -> Call:
    request = serving.PredictRequest()
    request.model_spec.name = model
    image = request.inputs[networks.INPUT]
    image.dtype = tensorflow.DT_FLOAT
    for size in networks.SHAPE:
        image.tensor_shape.dim.add(size=size)
    image.tensor_content = networks.tensor().tobytes()

    def check(content: bytes) -> None:
        found = serving.PredictResponse.FromString(content).outputs[networks.OUTPUT]
        networks.check_logits(np.frombuffer(found.tensor_content, "<f4"), expected.logits)

    method = "/tensorflow.serving.PredictionService/Predict"
    return Call(method, request.SerializeToString(), check)


def _typed(_model: str, expected: Expected) -> Call:
    """The model is the one that serves the task: `repository.py` puts it there."""
    image = networks.pixels()
    raw = typed.RawTensor(data_type=typed.DATA_TYPE_UINT8, shape=image.shape, data=image.tobytes())
    request = typed.SegmentRequest(
        task="brain-mri", precision=typed.PRECISION_FP32, image=typed.Image(raw=raw)
    )

    def check(content: bytes) -> None:
        mask = typed.SegmentResponse.FromString(content).mask
        networks.check_mask(np.frombuffer(mask.pixels, np.uint8), expected.typed_logits)

    return Call("/wattscan.v1.ImagingService/Segment", request.SerializeToString(), check)
