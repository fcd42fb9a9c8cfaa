"""TensorFlow Serving's protocol."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import numpy as np

from loadtest.connection import Connection
from loadtest.inputs import Input
from loadtest.protocols.open_inference import OpenInference
from loadtest.protocols.requests import Requests, Subject
from loadtest.protocols.tensors import tensor_batches
from wattscan.contracts import WattscanError
from wattscan.samples import Sample
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as pb
from wattscan.workloads import Workload

_SERVICE = "/tensorflow.serving.PredictionService/"
_SIGNATURE = "serving_default"
_DTYPES: Mapping[tf.DataType, np.dtype[np.generic]] = {
    tf.DT_FLOAT: np.dtype("<f4"),
    tf.DT_DOUBLE: np.dtype("<f8"),
    tf.DT_HALF: np.dtype("<f2"),
    tf.DT_INT8: np.dtype("i1"),
    tf.DT_INT16: np.dtype("<i2"),
    tf.DT_INT32: np.dtype("<i4"),
    tf.DT_INT64: np.dtype("<i8"),
    tf.DT_UINT8: np.dtype("u1"),
    tf.DT_UINT16: np.dtype("<u2"),
    tf.DT_BOOL: np.dtype(np.bool_),
}
_NUMBERS = {dtype: number for number, dtype in _DTYPES.items()}


class TensorFlowServing:
    """Clinical tasks and any other model."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def subjects(self) -> dict[str, Subject]:
        """The protocol lists no models: what the service's Open Inference Protocol lists.

        A server that has no such protocol has what the workload names.
        """
        try:
            return OpenInference(self._connection).subjects()
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return {}
            raise

    def requests(self, workload: Workload, subject: Subject, variant: str) -> Requests:
        """A batch in each."""
        model = subject.models[variant]
        size, samples = tensor_batches(workload, subject, self._inputs(model))
        requests = (_request(model, sample).SerializeToString() for sample in samples)
        return Requests(f"{_SERVICE}Predict", size, tuple(requests))

    def _inputs(self, model: str) -> list[Input]:
        asked = pb.GetModelMetadataRequest(metadata_field=["signature_def"])
        asked.model_spec.name = model
        answer = pb.GetModelMetadataResponse.FromString(
            self._connection.ask(f"{_SERVICE}GetModelMetadata", asked.SerializeToString())
        )
        signatures = pb.SignatureDefMap.FromString(answer.metadata["signature_def"].value)
        if _SIGNATURE not in signatures.signature_def:
            have = ", ".join(sorted(signatures.signature_def)) or "none"
            raise WattscanError(f"{model} has no signature {_SIGNATURE}; it has: {have}")
        found = []
        for name, tensor in sorted(signatures.signature_def[_SIGNATURE].inputs.items()):
            if tensor.dtype not in _DTYPES:
                kind = tf.DataType.Name(tensor.dtype)
                raise WattscanError(f"{model} has {name} of {kind}, which is not sent")
            shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
            found.append(Input(name, _DTYPES[tensor.dtype], shape))
        return found


def _request(model: str, sample: Sample) -> pb.PredictRequest:
    message = pb.PredictRequest()
    message.model_spec.name = model
    for name, array in sample.items():
        tensor = message.inputs[name]
        tensor.dtype = _NUMBERS[array.dtype]
        for size in array.shape:
            tensor.tensor_shape.dim.add(size=size)
        tensor.tensor_content = array.tobytes()
    return message
