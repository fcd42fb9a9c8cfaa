"""Asks a server through TensorFlow Serving's stock stubs; prints what came as one JSON object.

Run by the Python of `requirements-tensorflow.txt`, as a child of a test:

    tensorflow_client.py HOST:PORT --check predict --model tiny --input image=image.npy

Of each check: its result, or `{"error": status, "message": text}`, the status by gRPC's name.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client_options import Answer, add_tls_options, print_answers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

ENCODED = "image/encoded"
MESSAGE_BYTES = 64 << 20


class Asker:
    """The stubs, and what the command line says to ask them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.arrays = {name: np.load(path) for name, path in map(_pair, options.input)}
        self.common = {
            "timeout": options.client_timeout,
            "metadata": tuple(map(_pair, options.header)),
        }
        self.channel = _channel(options)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def specify(self, request: Any) -> Any:
        """The request (or the task), with the model, its version and its signature filled in."""
        options, spec = self.options, request.model_spec
        spec.name = options.model
        if options.version_label is not None:
            spec.version_label = options.version_label
        elif options.model_version is not None:
            spec.version.value = options.model_version
        spec.signature_name = options.signature
        return request

    def examples(self) -> list[tf.train.Example]:
        """One for each row of the first input, its elements as floats; or of the image file."""
        if self.options.encoded is not None:
            data = Path(self.options.encoded).read_bytes()
            return [_example(ENCODED, bytes_list=tf.train.BytesList(value=[data]))]
        (name, array), *_ = self.arrays.items()
        rows = array.reshape(len(array), -1)
        return [_example(name, float_list=tf.train.FloatList(value=row)) for row in rows]

    def input(self) -> input_pb2.Input:
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=self.examples()))

    def predicted(self, tensors: dict[str, Any]) -> Answer:
        request = self.specify(predict_pb2.PredictRequest())
        request.output_filter.extend(self.options.output_filter)
        for name, tensor in tensors.items():
            request.inputs[name].CopyFrom(tensor)
        response = self.prediction.Predict(request, **self.common)
        arrays = {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}
        if self.options.output is not None and arrays:
            np.save(self.options.output, arrays[min(arrays)])
        outputs = {
            name: {
                "dtype": tf.dtypes.as_dtype(tensor.dtype).name,
                "shape": list(arrays[name].shape),
                "in_content": bool(tensor.tensor_content),
            }
            for name, tensor in response.outputs.items()
        }
        return {"model_spec": _spec(response.model_spec), "outputs": outputs}


def predict(asker: Asker) -> Answer:
    """The elements in `tensor_content`, as `make_tensor_proto` puts an array."""
    return asker.predicted({k: tf.make_tensor_proto(array) for k, array in asker.arrays.items()})


def predict_typed(asker: Asker) -> Answer:
    """The elements in `float_val`, as clients in other languages do."""
    tensors = {}
    for name, array in asker.arrays.items():
        tensor = tf.make_tensor_proto(0.0, tf.float32)
        del tensor.float_val[:]
        tensor.float_val.extend(array.ravel().tolist())
        tensor.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
        tensors[name] = tensor
    return asker.predicted(tensors)


def classify(asker: Asker) -> Answer:
    request = asker.specify(classification_pb2.ClassificationRequest(input=asker.input()))
    response = asker.prediction.Classify(request, **asker.common)
    return {"model_spec": _spec(response.model_spec), "examples": _rated(response.result)}


def classify_with_context(asker: Asker) -> Answer:
    """The features in the shared context, and an example that is empty."""
    with_context = input_pb2.ExampleListWithContext(
        examples=[tf.train.Example()], context=asker.examples()[0]
    )
    sent = input_pb2.Input(example_list_with_context=with_context)
    request = asker.specify(classification_pb2.ClassificationRequest(input=sent))
    response = asker.prediction.Classify(request, **asker.common)
    return {"model_spec": _spec(response.model_spec), "examples": _rated(response.result)}


def regress(asker: Asker) -> Answer:
    request = asker.specify(regression_pb2.RegressionRequest(input=asker.input()))
    response = asker.prediction.Regress(request, **asker.common)
    return {"values": [regression.value for regression in response.result.regressions]}


def multi_inference(asker: Asker) -> list[Answer]:
    request = inference_pb2.MultiInferenceRequest(input=asker.input())
    asker.specify(request.tasks.add(method_name="tensorflow/serving/classify"))
    response = asker.prediction.MultiInference(request, **asker.common)
    return [{"examples": _rated(result.classification_result)} for result in response.results]


def model_metadata(asker: Asker) -> Answer:
    request = asker.specify(get_model_metadata_pb2.GetModelMetadataRequest())
    request.metadata_field.extend(asker.options.metadata_field)
    response = asker.prediction.GetModelMetadata(request, **asker.common)
    signatures: Answer = {}
    for packed in response.metadata.values():
        unpacked = get_model_metadata_pb2.SignatureDefMap()
        if packed.Unpack(unpacked):
            signatures |= {name: _signature(s) for name, s in unpacked.signature_def.items()}
    return {
        "model_spec": _spec(response.model_spec),
        "type_urls": {name: packed.type_url for name, packed in response.metadata.items()},
        "signatures": signatures,
    }


def model_status(asker: Asker) -> list[Answer]:
    request = asker.specify(get_model_status_pb2.GetModelStatusRequest())
    response = asker.models.GetModelStatus(request, **asker.common)
    return [
        {
            "version": status.version,
            "state": get_model_status_pb2.ModelVersionStatus.State.Name(status.state),
            "error_code": status.status.error_code,
            "error_message": status.status.error_message,
        }
        for status in response.model_version_status
    ]


CHECKS: dict[str, Callable[[Asker], Any]] = {
    "predict": predict,
    "predict_typed": predict_typed,
    "classify": classify,
    "classify_with_context": classify_with_context,
    "regress": regress,
    "multi_inference": multi_inference,
    "model_metadata": model_metadata,
    "model_status": model_status,
}


def _spec(spec: Any) -> Answer:
    return {
        "name": spec.name,
        "version": spec.version.value if spec.HasField("version") else None,
        "version_label": spec.version_label,
        "signature_name": spec.signature_name,
    }


def _example(name: str, **value: Any) -> tf.train.Example:
    features = tf.train.Features(feature={name: tf.train.Feature(**value)})
    return tf.train.Example(features=features)


def _rated(result: classification_pb2.ClassificationResult) -> list[list[Answer]]:
    return [
        [{"label": one.label, "score": one.score} for one in example.classes]
        for example in result.classifications
    ]


def _signature(signature: Any) -> Answer:
    def described(tensors: Any) -> Answer:
        return {
            name: {
                "name": info.name,
                "dtype": tf.dtypes.as_dtype(info.dtype).name,
                "shape": [dim.size for dim in info.tensor_shape.dim],
            }
            for name, info in tensors.items()
        }

    return {
        "method_name": signature.method_name,
        "inputs": described(signature.inputs),
        "outputs": described(signature.outputs),
    }


def _channel(options: argparse.Namespace) -> grpc.Channel:
    sizes = [("grpc.max_receive_message_length", MESSAGE_BYTES)]
    if options.root_certificates is None:
        return grpc.insecure_channel(options.server, options=sizes)
    files = (options.root_certificates, options.private_key, options.certificate_chain)
    pems = [None if file is None else Path(file).read_bytes() for file in files]
    return grpc.secure_channel(options.server, grpc.ssl_channel_credentials(*pems), options=sizes)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", metavar="HOST:PORT")
    parser.add_argument("--check", action="append", required=True, choices=CHECKS)
    parser.add_argument("--model", default="")
    parser.add_argument("--model-version", type=int)
    parser.add_argument("--version-label")
    parser.add_argument("--signature", default="")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=NPY")
    parser.add_argument("--encoded", metavar="FILE", help=f"the {ENCODED} of the examples")
    parser.add_argument("--output", metavar="NPY", help="where the output with the first name goes")
    parser.add_argument("--output-filter", action="append", default=[], metavar="NAME")
    parser.add_argument("--metadata-field", action="append", default=[], metavar="NAME")
    parser.add_argument("--header", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--client-timeout", type=float, default=60, metavar="SECONDS")
    add_tls_options(parser)
    return parser.parse_args(arguments)


def _failed(error: Exception) -> Answer:
    assert isinstance(error, grpc.Call)
    return {"error": error.code().name, "message": error.details()}


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    asker = Asker(options)
    print_answers(options, asker, CHECKS, _failed, (grpc.RpcError,))
    asker.channel.close()


if __name__ == "__main__":
    main(sys.argv[1:])
