"""One service, asked through TensorFlow Serving's stock stubs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from client_options import Answer
from tensorflow_serving.apis import (
    input_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
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
        return {"model_spec": spec_of(response.model_spec), "outputs": outputs}


def spec_of(spec: Any) -> Answer:
    return {
        "name": spec.name,
        "version": spec.version.value if spec.HasField("version") else None,
        "version_label": spec.version_label,
        "signature_name": spec.signature_name,
    }


def _example(name: str, **value: Any) -> tf.train.Example:
    features = tf.train.Features(feature={name: tf.train.Feature(**value)})
    return tf.train.Example(features=features)


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
