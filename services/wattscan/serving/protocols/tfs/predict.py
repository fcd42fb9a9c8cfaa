"""Predict: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from wattscan.contracts import Array
from wattscan.serving.call import Call
from wattscan.serving.errors import RequestRefused
from wattscan.serving.jobs import TensorJob
from wattscan.serving.messages import Message
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.protocols.fields import large_field, split
from wattscan.serving.protocols.tfs.spec import SIGNATURE, answered, check_signature, chosen
from wattscan.serving.protocols.tfs.tensors import read_tensor, tensor_parts
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.rpc import parsed
from wattscan.wire import tensorflow_serving_pb2 as pb

_INPUTS = pb.PredictRequest.INPUTS_FIELD_NUMBER
_OUTPUTS = pb.PredictResponse.OUTPUTS_FIELD_NUMBER
# Of the entries of a map, by protobuf's rules.
_KEY, _VALUE = 1, 2
_MAX_INPUTS = 256


def predict(data: bytes, call: Call, pipeline: Pipeline, max_bytes: int) -> list[Message]:
    """PredictRequest -> PredictResponse.

    Args:
        data: the request.
        call: who asks.
        pipeline: what answers.
        max_bytes: how large an input may become whose message lists only some of its elements.

    Raises:
        RequestRefused: with a text for the client.
    """
    small, entries = split(memoryview(data), (_INPUTS,))
    request: pb.PredictRequest = parsed(pb.PredictRequest, small)
    name, version = chosen(request.model_spec, pipeline.models)
    check_signature(request.model_spec)

    def read(model: LoadedModel) -> Mapping[str, Array]:
        # Before anything is computed.
        wanted_outputs(request.output_filter, model)
        return read_inputs([entry for _, entry in entries], model, max_bytes)

    outputs = pipeline.answer(name, version, TensorJob(read), call)
    assert call.model is not None  # noqa: S101  answered, so there is one
    wanted = wanted_outputs(request.output_filter, call.model)
    return response(call.model, {name: outputs[name] for name in wanted})


def read_inputs(
    entries: Sequence[memoryview], model: LoadedModel, max_bytes: int
) -> dict[str, Array]:
    """The request's tensors by name. One that the model does not know is not read, but is there,
    for the model's own check to count it. Raises: RequestRefused."""
    if len(entries) > _MAX_INPUTS:
        raise RequestRefused(f"the request has more than {_MAX_INPUTS} inputs")
    known = {spec.name for spec in model.inputs}
    arrays: dict[str, Array] = {}
    for entry in entries:
        key, values = split(entry, (_VALUE,))
        name = parsed(pb.PredictRequest.InputsEntry, key).key
        if name not in known:
            arrays[name] = np.empty(0)
            continue
        # Should it stand there more than once, protobuf has the parts merged.
        tensor = values[0][1] if len(values) == 1 else memoryview(b"".join(v for _, v in values))
        arrays[name] = read_tensor(tensor, name, max_bytes)
    return arrays


def wanted_outputs(output_filter: Collection[str], model: LoadedModel) -> list[str]:
    """The outputs to send: those that are asked for, or all. Raises: RequestRefused."""
    names = [spec.name for spec in model.outputs]
    if not output_filter:
        return names
    if len(set(output_filter)) != len(output_filter):
        raise RequestRefused("output_filter names an output twice")
    if not set(output_filter) <= set(names):
        raise RequestRefused(
            f"output_filter names an output that {model.name} does not have; it has: "
            f"{', '.join(names)}"
        )
    return [name for name in names if name in output_filter]


def response(model: LoadedModel, outputs: Mapping[str, Array]) -> list[Message]:
    """A serialized PredictResponse, in parts."""
    spec = answered(model.name, model.version, SIGNATURE)
    parts: list[Message] = [pb.PredictResponse(model_spec=spec).SerializeToString()]
    for name, array in outputs.items():
        tensor = tensor_parts(array)
        key = name.encode()
        size = sum(map(len, tensor))
        entry = large_field(_KEY, len(key)) + key + large_field(_VALUE, size)
        parts += [large_field(_OUTPUTS, len(entry) + size) + entry, *tensor]
    return parts
