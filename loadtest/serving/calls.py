"""A request in each protocol: the bytes that are sent, and how an answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
_TYPED_SERVICE = "/wattscan.v1.ImagingService/"


@dataclass(frozen=True)
class RepeatedCall:
    """One request, serialised once and sent again and again."""

    method: str
    request: bytes
    check: Check


Exchange = Mapping[str, NDArray[Any]]
"""The bare session's answers: `logits` to `networks.tensor()`, `mask` of the standardised image.
Of a clinical task: the file `dicom`, and the bare pipeline's `answer` to it."""


def build(protocol: str, model: str, exchange: Exchange) -> RepeatedCall:
    """The call of a protocol that carries its tensors itself."""
    clinical = model in networks.TASKS
    makers: dict[str, Callable[[str, Exchange], RepeatedCall]] = {
        "oip": _open_inference_frame if clinical else _open_inference,
        "tfs": _tensorflow_serving,
        "typed": _typed_frame if clinical else _typed,
    }
    return makers[protocol](model, exchange)


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


def _open_inference(model: str, exchange: Exchange) -> RepeatedCall:
    request = oip.ModelInferRequest(model_name=model)
    request.inputs.add(name=networks.INPUT, datatype="FP32", shape=networks.SHAPE)
    request.raw_input_contents.append(networks.tensor().tobytes())

    def check(content: bytes) -> None:
        networks.check_logits(
            logits_of(oip.ModelInferResponse.FromString(content)), exchange["logits"]
        )

    return RepeatedCall(OIP_SERVICE + "ModelInfer", request.SerializeToString(), check)


def logits_of(response: oip.ModelInferResponse) -> NDArray[np.float32]:
    """The one output, flat, whether it came raw or as a list of floats."""
    if response.raw_output_contents:
        return np.frombuffer(response.raw_output_contents[0], "<f4")
    if not response.outputs:
        raise networks.BenchmarkError("an answer has no output")
    return np.array(response.outputs[0].contents.fp32_contents, np.float32)


def _tensorflow_serving(model: str, exchange: Exchange) -> RepeatedCall:
    request = serving.PredictRequest()
    request.model_spec.name = model
    image = request.inputs[networks.INPUT]
    image.dtype = tensorflow.DT_FLOAT
    for size in networks.SHAPE:
        image.tensor_shape.dim.add(size=size)
    image.tensor_content = networks.tensor().tobytes()

    def check(content: bytes) -> None:
        found = serving.PredictResponse.FromString(content).outputs[networks.OUTPUT]
        networks.check_logits(np.frombuffer(found.tensor_content, "<f4"), exchange["logits"])

    method = "/tensorflow.serving.PredictionService/Predict"
    return RepeatedCall(method, request.SerializeToString(), check)


def _typed(_model: str, exchange: Exchange) -> RepeatedCall:
    """The model is the one that serves the task: `repository.py` puts it there."""
    image = networks.pixels()
    raw = typed.RawTensor(data_type=typed.DATA_TYPE_UINT8, shape=image.shape, data=image.tobytes())
    request = typed.SegmentRequest(
        task="brain-mri", precision=typed.PRECISION_FP32, image=typed.Image(raw=raw)
    )

    def check(content: bytes) -> None:
        mask = typed.SegmentResponse.FromString(content).mask
        networks.check_mask(np.frombuffer(mask.pixels, np.uint8), exchange["mask"])

    return RepeatedCall(_TYPED_SERVICE + "Segment", request.SerializeToString(), check)


def _open_inference_frame(model: str, exchange: Exchange) -> RepeatedCall:
    """The file as a tensor of bytes, as `peers/triton.py` declares it."""
    file, answer = exchange["dicom"], exchange["answer"]
    request = oip.ModelInferRequest(model_name=model)
    request.inputs.add(name="dicom", datatype="UINT8", shape=file.shape)
    request.raw_input_contents.append(file.tobytes())

    def check(content: bytes) -> None:
        contents = oip.ModelInferResponse.FromString(content).raw_output_contents
        if not contents:
            raise networks.BenchmarkError("an answer has no output")
        _check_answer(np.frombuffer(contents[0], answer.dtype), answer)

    return RepeatedCall(OIP_SERVICE + "ModelInfer", request.SerializeToString(), check)


def _typed_frame(model: str, exchange: Exchange) -> RepeatedCall:
    file, answer = exchange["dicom"], exchange["answer"]
    image = typed.Image(encoded=file.tobytes())
    precision = typed.PRECISION_INT8
    if answer.dtype == np.uint8:
        segment = typed.SegmentRequest(task=model, precision=precision, image=image)

        def check_mask(content: bytes) -> None:
            mask = typed.SegmentResponse.FromString(content).mask
            _check_answer(np.frombuffer(mask.pixels, np.uint8), answer)

        return RepeatedCall(_TYPED_SERVICE + "Segment", segment.SerializeToString(), check_mask)
    classify = typed.ClassifyRequest(task=model, precision=precision, image=image)

    def check_findings(content: bytes) -> None:
        findings = typed.ClassifyResponse.FromString(content).findings
        _check_answer(np.array([f.probability for f in findings], np.float32), answer)

    return RepeatedCall(_TYPED_SERVICE + "Classify", classify.SerializeToString(), check_findings)


def _check_answer(found: NDArray[Any], expected: NDArray[Any]) -> None:
    """A mask or probabilities. Raises: BenchmarkError."""
    if expected.dtype == np.uint8:
        networks.check_mask(found, expected)
    else:
        networks.check_logits(found, expected)
