"""TensorFlow Serving's protocol over plain gRPC: recorded requests, examples, errors."""

import io
import shutil
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from direct import preprocessed, probabilities
from wattscan import plugins
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as pb

TESTS = Path(__file__).parents[1]
RECORDED = TESTS / "recorded" / "tensorflow_serving"
TINY = TESTS / "data" / "tiny"
PREDICTION, MODELS = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
IMAGE = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
WEIGHTS = (np.arange(48, dtype=np.float32).reshape(16, 3) - 24) / 64
FLOAT, INVALID = tf.DT_FLOAT, grpc.StatusCode.INVALID_ARGUMENT
RESPONSES: dict[str, Any] = {
    "Predict": pb.PredictResponse,
    "Classify": pb.ClassificationResponse,
    "Regress": pb.RegressionResponse,
    "MultiInference": pb.MultiInferenceResponse,
    "GetModelMetadata": pb.GetModelMetadataResponse,
    "GetModelStatus": pb.GetModelStatusResponse,
}


def call(service, method, request):
    """The response; a request that is bytes is sent as it is."""
    name = MODELS if method == "GetModelStatus" else PREDICTION
    send = service.channel.unary_unary(f"/{name}/{method}")
    data = request if isinstance(request, bytes) else request.SerializeToString()
    return RESPONSES[method].FromString(send(data, timeout=60))


def refused(service, method, request):
    with pytest.raises(grpc.RpcError) as error:
        call(service, method, request)
    return error.value.code(), error.value.details()


@pytest.fixture
def tiny(tmp_path, start_service):
    shutil.copytree(TINY, tmp_path / "models" / "tiny")
    return start_service("--models", tmp_path / "models", "--poll", "0.1")


def outputs_of(response):
    return {
        name: np.frombuffer(tensor.tensor_content, np.float32).reshape(
            [dim.size for dim in tensor.tensor_shape.dim]
        )
        for name, tensor in response.outputs.items()
    }


def recorded(name):
    return (RECORDED / f"{name}.bin").read_bytes()


def test_the_recorded_requests_are_answered(tiny):
    for name in ("predict_content", "predict_float_val", "predict_one_value"):
        image = np.full_like(IMAGE, 2.5) if name == "predict_one_value" else IMAGE
        response = call(tiny, "Predict", recorded(name))
        outputs = outputs_of(response)
        assert set(outputs) == {"scores", "mask"}
        np.testing.assert_array_equal(outputs["scores"], image.reshape(1, 16) @ WEIGHTS)
        np.testing.assert_array_equal(outputs["mask"], image * 0.5)
        assert response.model_spec.version.value == 1
    filtered = outputs_of(call(tiny, "Predict", recorded("predict_label_filter")))
    assert list(filtered) == ["mask"]

    packed = call(tiny, "GetModelMetadata", recorded("get_model_metadata")).metadata
    signatures = pb.SignatureDefMap()
    assert packed["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    assert signature.inputs["image"].dtype == tf.DT_FLOAT
    assert [dim.size for dim in signature.outputs["scores"].tensor_shape.dim] == [-1, 3]

    (status,) = call(tiny, "GetModelStatus", recorded("get_model_status")).model_version_status
    assert (status.version, status.state) == (1, pb.ModelVersionStatus.AVAILABLE)

    for name in ("classify", "classify_encoded"):
        code, text = refused(tiny, "Classify", recorded(name))
        assert code is INVALID
        assert text == "tiny is no classification: call Predict with its tensors"


def predict_request(array=IMAGE, name="image", **spec):
    request = pb.PredictRequest(model_spec=pb.ModelSpec(**{"name": "tiny", **spec}))
    tensor = request.inputs[name]
    tensor.dtype, tensor.tensor_content = FLOAT, array.tobytes()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return request


def test_what_is_wrong_is_told_with_its_status_and_never_quoted(tiny):
    missing, failed = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION
    twice, unknown = predict_request(), predict_request()
    twice.output_filter.extend(["mask", "mask"])
    unknown.output_filter.append("secret")
    wrong = [
        (predict_request(name="secret"), INVALID, "takes 1 input"),
        (predict_request(np.zeros((1, 2), np.float32)), INVALID, "must have shape"),
        (predict_request(signature_name="secret"), failed, "serving_default"),
        (predict_request(version_label="secret"), missing, "its labels are: stable"),
        (predict_request(version={"value": 0}), missing, "there is: 1"),
        (predict_request(version={"value": -1}), missing, "there is: 1"),
        (pb.PredictRequest(model_spec={"name": "secret"}), missing, "there is: tiny"),
        (pb.PredictRequest(), INVALID, "model_spec.name"),
        (twice, INVALID, "twice"),
        (unknown, INVALID, "it has: scores, mask"),
        (b"\x12\xff", INVALID, "truncated or corrupt"),
    ]
    for request, code, text in wrong:
        got, details = refused(tiny, "Predict", request)
        assert (got, text in details, "secret" in details) == (code, True, False), details
    for fields in ([], ["secret"], ["signature_def", "secret"]):
        request = pb.GetModelMetadataRequest(model_spec={"name": "tiny"}, metadata_field=fields)
        code, details = refused(tiny, "GetModelMetadata", request)
        assert (code, "secret" in details) == (INVALID, False)
    for name, version in (("secret", None), ("tiny", {"value": 2})):
        spec = pb.ModelSpec(name=name, version=version)
        code, _ = refused(tiny, "GetModelStatus", pb.GetModelStatusRequest(model_spec=spec))
        assert code is missing
    # And it still answers.
    call(tiny, "Predict", predict_request())


def test_many_images_come_back_in_their_order(tiny):
    batch = np.random.default_rng(3).integers(-8, 8, (7, 4, 4, 1)).astype(np.float32)
    outputs = outputs_of(call(tiny, "Predict", predict_request(batch)))
    np.testing.assert_array_equal(outputs["scores"], batch.reshape(7, 16) @ WEIGHTS)
    np.testing.assert_array_equal(outputs["mask"], batch * 0.5)


def test_a_version_that_is_refused_is_told_with_the_reason(tiny, tmp_path):
    broken = tmp_path / "models" / "tiny" / "2"
    broken.mkdir()
    (broken / "model.onnx").write_bytes(b"no model")
    request = pb.GetModelStatusRequest(model_spec={"name": "tiny"})
    for _ in range(100):
        states = call(tiny, "GetModelStatus", request).model_version_status
        if len(states) > 1:
            break
        time.sleep(0.1)
    assert [(state.version, state.state) for state in states] == [
        (2, pb.ModelVersionStatus.END),
        (1, pb.ModelVersionStatus.AVAILABLE),
    ]
    assert states[0].status.error_code == 9
    assert states[0].status.error_message
    # What was served before goes on.
    assert call(tiny, "Predict", predict_request()).model_spec.version.value == 1


def example(**features):
    kinds: dict[str, Any] = {
        name: {"bytes_list": {"value": [value]}}
        if isinstance(value, bytes)
        else {"float_list": {"value": value}}
        for name, value in features.items()
    }
    return tf.Example(features=tf.Features(feature=kinds))


def classification(examples, context=None, model="chest-xray-int8"):
    request = pb.ClassificationRequest(model_spec={"name": model})
    if context is None:
        request.input.example_list.examples.extend(examples)
    else:
        request.input.example_list_with_context.examples.extend(examples)
        request.input.example_list_with_context.context.CopyFrom(context)
    return request


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def scores(response):
    return [[one.score for one in row.classes] for row in response.result.classifications]


def test_files_and_context_are_classified_in_the_order_of_the_examples(service):
    task, model = plugins.task("chest-xray"), "chest-xray-int8"
    images, batch = preprocessed(task, model, 2)
    expected = probabilities(model, batch)
    files = [example(**{"image/encoded": png(image)}) for image in images]
    rows = scores(call(service, "Classify", classification(files)))
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)
    # The context stands for the examples that lack the feature.
    request = classification([tf.Example(), files[1]], context=files[0])
    np.testing.assert_array_equal(scores(call(service, "Classify", request)), rows)


@pytest.mark.parametrize(
    ("examples", "text"),
    [
        ([], "has 0 examples"),
        ([example(image=[1.0])] * 65, "has 65 examples"),
        ([example(secret=[1.0])], "one of two features"),
        ([example(image=[1.0], **{"image/encoded": b"x"})], "one of two features"),
        ([example(image=[1.0, 2.0])], "float_list with 150528 values"),
        ([example(image=b"secret")], "float_list with 150528 values"),
        ([example(**{"image/encoded": [1.0]})], "bytes_list with one file"),
        ([example(**{"image/encoded": b"secret"})], "not a DICOM, PNG, JPEG or TIFF file"),
        ([example(image=[float("nan")] * 150528)], "not finite"),
        (
            [example(image=[0.0] * 150528), example(**{"image/encoded": b"x"})],
            "send one kind",
        ),
    ],
)
def test_examples_that_are_none_are_refused(service, examples, text):
    code, details = refused(service, "Classify", classification(examples))
    assert (code, text in details, "secret" in details) == (INVALID, True, False), details


def test_only_a_classification_classifies(service):
    request = classification([example(image=[1.0])], model="brain-mri-fp32")
    code, details = refused(service, "Classify", request)
    assert code is INVALID
    assert details == "brain-mri-fp32 is no classification: call Predict with its tensors"
