"""ModelInferRequest -> arrays: raw, typed or in shared memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattscan.contracts import Array
from wattscan.serving.errors import RequestRefused
from wattscan.serving.protocols.fields import split
from wattscan.serving.protocols.oip.datatypes import dtype_of
from wattscan.serving.protocols.oip.shared_memory import SharedMemory, region_of
from wattscan.serving.rpc import parsed
from wattscan.serving.tensors import check_dimensions, check_shape, shaped, view
from wattscan.wire import open_inference_pb2 as pb

_INPUTS = pb.ModelInferRequest.INPUTS_FIELD_NUMBER
_RAW = pb.ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER
_CONTENTS = pb.ModelInferRequest.InferInputTensor.CONTENTS_FIELD_NUMBER
_CONTENT_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}
# Parsed numbers take eight times their bytes; a request without its tensors is short.
_MOST_TYPED = 4 * 1024 * 1024
_MOST_HEAD = 256 * 1024
# Of these the packed bytes are the array itself.
_FIXED = {
    "FP32": pb.InferTensorContents.FP32_CONTENTS_FIELD_NUMBER,
    "FP64": pb.InferTensorContents.FP64_CONTENTS_FIELD_NUMBER,
}


@dataclass(frozen=True)
class InferRequest:
    """A request whose tensors are still where they came in. `head` has all the rest of it."""

    head: pb.ModelInferRequest
    inputs: Sequence[tuple[pb.ModelInferRequest.InferInputTensor, memoryview | None]]
    """Each input without its contents, and the bytes of those, if it has any."""

    raw: Sequence[memoryview]


def read_request(data: bytes) -> InferRequest:
    """Find the parts of a request. Raises: RequestRefused, if the bytes are none."""
    small, large = split(memoryview(data), (_INPUTS, _RAW))
    inputs = []
    for number, part in large:
        if number == _INPUTS:
            tensor, contents = split(part, (_CONTENTS,))
            _check_head(tensor)
            bare = parsed(pb.ModelInferRequest.InferInputTensor, tensor)
            inputs.append((bare, contents[-1][1] if contents else None))
    raw = [part for number, part in large if number == _RAW]
    _check_head(small)
    return InferRequest(parsed(pb.ModelInferRequest, small), inputs, raw)


def arrays_of(request: InferRequest, memory: SharedMemory) -> dict[str, Array]:
    """The request's inputs by name, viewed where they lie if they can be.

    Raises:
        RequestRefused: a tensor has no elements, or not as many as its shape says, or the request
            mixes raw and typed ones.
    """
    raw = iter(request.raw)
    arrays: dict[str, Array] = {}
    for tensor, contents in request.inputs:
        dtype = dtype_of(tensor.datatype)
        if tensor.name in arrays:
            raise RequestRefused("two inputs of the request have one name")
        region = region_of(tensor.parameters)
        if region is not None:
            check_shape(region.byte_size, dtype, tensor.shape, "an input in shared memory")
            array = view(memory.read(region), dtype, tensor.shape, "an input in shared memory")
        elif contents is not None:
            if request.raw:
                raise RequestRefused("the request has raw and typed contents: send one kind")
            array = _typed(tensor, contents, dtype)
        else:
            data = next(raw, None)
            if data is None:
                raise RequestRefused("an input of the request has no contents")
            array = view(data, dtype, tensor.shape, "an input")
        arrays[tensor.name] = array
    if next(raw, None) is not None:
        raise RequestRefused("the request has more raw contents than inputs")
    return arrays


def _check_head(data: bytes) -> None:
    if len(data) > _MOST_HEAD:
        raise RequestRefused(f"the request has more than {_MOST_HEAD} bytes beside its tensors")


def _typed(
    tensor: pb.ModelInferRequest.InferInputTensor, contents: memoryview, dtype: np.dtype[Any]
) -> Array:
    """From the field for the datatype; parsing numbers one by one is the slow way."""
    if tensor.datatype not in _CONTENT_FIELDS:
        raise RequestRefused(f"{tensor.datatype} has no typed contents: send them raw")
    if tensor.datatype in _FIXED:
        rest, packed = split(contents, (_FIXED[tensor.datatype],))
        if packed and not rest:
            return view(b"".join(p for _, p in packed), dtype, tensor.shape, "an input")
    if len(contents) > _MOST_TYPED:
        raise RequestRefused(
            f"an input has more than {_MOST_TYPED} bytes of typed contents: send it raw"
        )
    message = parsed(pb.InferTensorContents, bytes(contents))
    check_dimensions(tensor.shape, "an input")
    values = getattr(message, _CONTENT_FIELDS[tensor.datatype])
    if len(values) != math.prod(tensor.shape):
        raise RequestRefused(
            f"an input has {len(values)} elements in the field for its datatype, and its shape "
            f"{list(tensor.shape)[:8]}"
        )
    try:
        array = np.fromiter(values, dtype, len(values))
    except OverflowError:
        raise RequestRefused(f"an input has values that are no {tensor.datatype}") from None
    return shaped(array, tensor.shape, "an input")
