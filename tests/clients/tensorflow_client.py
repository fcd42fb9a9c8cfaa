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
from typing import Any

import grpc
import tensorflow as tf
from client_options import Answer, add_tls_options, client_parser, print_answers
from tensorflow_asker import ENCODED, Asker, spec_of
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


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
    return {"model_spec": spec_of(response.model_spec), "examples": _rated(response.result)}


def classify_with_context(asker: Asker) -> Answer:
    """The features in the shared context, and an example that is empty."""
    with_context = input_pb2.ExampleListWithContext(
        examples=[tf.train.Example()], context=asker.examples()[0]
    )
    sent = input_pb2.Input(example_list_with_context=with_context)
    request = asker.specify(classification_pb2.ClassificationRequest(input=sent))
    response = asker.prediction.Classify(request, **asker.common)
    return {"model_spec": spec_of(response.model_spec), "examples": _rated(response.result)}


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
        "model_spec": spec_of(response.model_spec),
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


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = client_parser(__doc__, CHECKS)
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
