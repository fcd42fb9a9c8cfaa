"""Arrays -> ModelInferResponse: raw, or in shared memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wattscan.contracts import Array, EnergyShare
from wattscan.serving.call import Call
from wattscan.serving.errors import RequestRefused
from wattscan.serving.messages import Message
from wattscan.serving.protocols.fields import large_field
from wattscan.serving.protocols.oip.datatypes import name_of
from wattscan.serving.protocols.oip.shared_memory import SharedMemory, TensorRegion, region_of
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.wire import open_inference_pb2 as pb

_RAW = pb.ModelInferResponse.RAW_OUTPUT_CONTENTS_FIELD_NUMBER


@dataclass(frozen=True)
class RequestedOutput:
    """An output that the request asks for, and the region to put it into, if not the response."""

    name: str
    region: TensorRegion | None


def wanted_outputs(request: pb.ModelInferRequest, model: LoadedModel) -> list[RequestedOutput]:
    """What the request asks for; all outputs where it names none. Raises: RequestRefused."""
    if not request.outputs:
        return [RequestedOutput(spec.name, None) for spec in model.outputs]
    known = [spec.name for spec in model.outputs]
    wanted = []
    for output in request.outputs:
        if output.name not in known:
            raise RequestRefused(
                f"an output that the request asks for is none of {model.name}'s: {', '.join(known)}"
            )
        if "classification" in output.parameters:
            raise RequestRefused("the classification extension is not offered: ask for the tensor")
        wanted.append(RequestedOutput(output.name, region_of(output.parameters)))
    return wanted


def response(
    request: pb.ModelInferRequest,
    wanted: Sequence[RequestedOutput],
    outputs: Mapping[str, Array],
    call: Call,
    memory: SharedMemory,
) -> list[Message]:
    """A serialized ModelInferResponse, in parts.

    Raises: RequestRefused, if shared memory is too small.
    """
    assert call.model is not None  # noqa: S101
    head = pb.ModelInferResponse(
        model_name=call.model.name,
        model_version=str(call.model.version),
        id=request.id,
        parameters=_energy(call.energy),
    )
    parts: list[Message] = []
    for output in wanted:
        array = np.asarray(outputs[output.name], order="C")
        tensor = head.outputs.add(
            name=output.name, datatype=name_of(array.dtype), shape=array.shape
        )
        # Raw contents are found by the output's place: one in shared memory has an empty one.
        data: Message = b""
        if output.region is not None:
            memory.write(output.region, array)
            _place(tensor, output.region, array.nbytes)
        elif array.nbytes:
            data = array.reshape(-1).data.cast("B")
        parts += [large_field(_RAW, len(data)), data]
    return [head.SerializeToString(), *parts]


def _energy(energy: EnergyShare | None) -> dict[str, pb.InferParameter]:
    if energy is None:
        return {}
    parameters = {"energy_method": pb.InferParameter(string_param=energy.method)}
    if energy.energy is not None:
        parameters["energy_joules"] = pb.InferParameter(double_param=energy.energy)
    if energy.scope is not None:
        parameters["energy_scope"] = pb.InferParameter(string_param=energy.scope)
    return parameters


def _place(
    tensor: pb.ModelInferResponse.InferOutputTensor, region: TensorRegion, byte_size: int
) -> None:
    tensor.parameters["shared_memory_region"].string_param = region.name
    tensor.parameters["shared_memory_byte_size"].int64_param = byte_size
    if region.offset:
        tensor.parameters["shared_memory_offset"].int64_param = region.offset
