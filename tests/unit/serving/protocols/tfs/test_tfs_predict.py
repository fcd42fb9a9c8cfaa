"""Predict's messages: the recorded requests, names and the response."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from wattscan.contracts import TensorSpec
from wattscan.serving.errors import RequestRefused
from wattscan.serving.protocols.tfs import predict
from wattscan.serving.protocols.tfs.datatypes import number_of
from wattscan.serving.protocols.tfs.tensors import read_tensor
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as pb

RECORDED = Path(__file__).parents[4] / "recorded" / "tensorflow_serving"
IMAGE = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)


def same(array, expected):
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
    assert array.tobytes() == expected.tobytes()


def model(**inputs):
    specs = tuple(TensorSpec(name, np.dtype(np.float32), (-1, 4, 4, 1)) for name in inputs)
    outputs = tuple(TensorSpec(name, np.dtype(np.float32), (-1, 3)) for name in ("scores", "mask"))
    return SimpleNamespace(name="tiny", version=1, inputs=specs, outputs=outputs)


def inputs_of(name):
    """The recorded request's tensors, as the service reads them."""
    data = (RECORDED / f"{name}.bin").read_bytes()
    small, entries = predict.split(memoryview(data), (predict._INPUTS,))
    arrays = predict.read_inputs([entry for _, entry in entries], model(image=True), 1 << 20)
    return pb.PredictRequest.FromString(small), arrays


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("predict_content", IMAGE),
        ("predict_float_val", IMAGE),
        ("predict_one_value", np.full_like(IMAGE, 2.5)),
        ("predict_label_filter", IMAGE),
    ],
)
def test_the_recorded_requests_have_the_values_that_they_should(name, expected):
    request, arrays = inputs_of(name)
    assert request.model_spec.name == "tiny"
    assert list(arrays) == ["image"]
    same(arrays["image"], expected)
    if name == "predict_label_filter":
        assert request.model_spec.version_label == "stable"
        assert predict.wanted_outputs(request.output_filter, model(image=True)) == ["mask"]
    else:
        assert request.model_spec.version.value == 1


def test_the_recorded_examples_have_the_values_that_they_should():
    values = []
    for name, feature in (("classify", "image"), ("classify_encoded", "image/encoded")):
        data = (RECORDED / f"{name}.bin").read_bytes()
        (example,) = pb.ClassificationRequest.FromString(data).input.example_list.examples
        values.append(example.features.feature[feature])
    np.testing.assert_array_equal(values[0].float_list.value, IMAGE.ravel())
    with Image.open(io.BytesIO(values[1].bytes_list.value[0])) as image:
        np.testing.assert_array_equal(np.asarray(image), IMAGE[0, :, :, 0])


def test_an_unknown_input_is_not_read_but_counted():
    request = pb.PredictRequest(inputs={"other": tf.TensorProto(dtype=tf.DT_STRING)})
    small, entries = predict.split(memoryview(request.SerializeToString()), (predict._INPUTS,))
    assert not small
    arrays = predict.read_inputs([entry for _, entry in entries], model(image=True), 1 << 20)
    assert list(arrays) == ["other"]


def test_a_response_is_what_protobuf_would_write():
    outputs: dict[str, np.ndarray] = {
        "scores": np.arange(6, dtype=np.float32).reshape(2, 3),
        "mask": np.zeros((0, 4), np.int64),
        "scalar": np.array(True),
    }
    message = pb.PredictResponse.FromString(b"".join(predict.response(model(image=True), outputs)))
    assert message.model_spec.name == "tiny"
    assert message.model_spec.version.value == 1
    assert message.model_spec.signature_name == "serving_default"
    assert set(message.outputs) == set(outputs)
    for name, array in outputs.items():
        assert message.outputs[name].dtype == number_of(array.dtype)
        data = memoryview(message.outputs[name].SerializeToString())
        same(read_tensor(data, name, 1 << 20), array)


def test_an_entry_in_parts_is_merged_and_too_many_are_refused():
    parts = (tf.TensorProto(dtype=tf.DT_FLOAT), tf.TensorProto(float_val=[3]))
    entry = b"\x0a\x05image"
    for part in parts:
        data = part.SerializeToString()
        entry += bytes([0x12, len(data)]) + data
    arrays = predict.read_inputs([memoryview(entry)], model(image=True), 1 << 20)
    same(arrays["image"], np.array(3, np.float32))
    with pytest.raises(RequestRefused, match="more than 256 inputs"):
        predict.read_inputs([memoryview(entry)] * 257, model(image=True), 1 << 20)
    with pytest.raises(RequestRefused, match="InputsEntry"):
        predict.read_inputs([memoryview(b"\x0a\x01\xff")], model(image=True), 1 << 20)
