"""What the server says of its models: their signatures, and the state of their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from wattscan.contracts import TensorSpec
from wattscan.serving.errors import RequestRefused
from wattscan.serving.protocols.tfs.datatypes import number_of
from wattscan.serving.protocols.tfs.spec import SIGNATURE, answered, chosen
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.repository.repository import Repository
from wattscan.serving.rpc import parsed
from wattscan.wire import tensorflow_error_pb2 as codes
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as pb

_FIELD = "signature_def"
_PREDICT = "tensorflow/serving/predict"
_State = pb.ModelVersionStatus


def metadata(data: bytes, models: Repository) -> bytes:
    """GetModelMetadataRequest -> GetModelMetadataResponse. Raises: RequestRefused."""
    request: pb.GetModelMetadataRequest = parsed(pb.GetModelMetadataRequest, data)
    name, version = chosen(request.model_spec, models)
    if not request.metadata_field or set(request.metadata_field) != {_FIELD}:
        raise RequestRefused(f"the metadata that there is is {_FIELD}: set metadata_field to it")
    model = models.get(name, version)
    signatures = pb.SignatureDefMap(signature_def={SIGNATURE: _signature(model)})
    response = pb.GetModelMetadataResponse(model_spec=answered(model.name, model.version))
    response.metadata[_FIELD].Pack(signatures)
    return response.SerializeToString()


def status(data: bytes, models: Repository) -> bytes:
    """GetModelStatusRequest -> GetModelStatusResponse: the version that is asked for, or all that
    are served or were refused, the newest first. Raises: RequestRefused."""
    request: pb.GetModelStatusRequest = parsed(pb.GetModelStatusRequest, data)
    name, version = chosen(request.model_spec, models)
    found: dict[int, pb.ModelVersionStatus] = {}
    for entry in models.index():
        # Version 0 stands for the model as a whole, which is not of this protocol.
        if entry.name != name or entry.version == 0 or version not in (None, entry.version):
            continue
        # While a version goes on that its changed files cannot replace, it has an entry for each.
        if entry.ready or entry.version not in found:
            found[entry.version] = _status(entry.version, entry.ready, entry.reason)
    if not found:
        models.get(name, version)  # says what there is instead
    newest_first = [found[number] for number in sorted(found, reverse=True)]
    return pb.GetModelStatusResponse(model_version_status=newest_first).SerializeToString()


def _status(version: int, ready: bool, reason: str) -> pb.ModelVersionStatus:
    if ready:
        fine = pb.StatusProto(error_code=codes.OK)
        return pb.ModelVersionStatus(version=version, state=_State.AVAILABLE, status=fine)
    why = pb.StatusProto(error_code=codes.FAILED_PRECONDITION, error_message=reason)
    return pb.ModelVersionStatus(version=version, state=_State.END, status=why)


def _signature(model: LoadedModel) -> tf.SignatureDef:
    return tf.SignatureDef(
        inputs=_tensors(model.inputs), outputs=_tensors(model.outputs), method_name=_PREDICT
    )


def _tensors(specs: Sequence[TensorSpec]) -> dict[str, tf.TensorInfo]:
    return {
        spec.name: tf.TensorInfo(
            # As TensorFlow names the first output of an operation.
            name=f"{spec.name}:0",
            dtype=cast("tf.DataType", number_of(spec.dtype)),
            tensor_shape=tf.TensorShapeProto(
                dim=[tf.TensorShapeProto.Dim(size=size) for size in spec.shape]
            ),
        )
        for spec in specs
    }
