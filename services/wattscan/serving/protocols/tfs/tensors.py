"""TensorProto <-> NumPy arrays, without a copy of what is large.

A TensorProto has its elements either in `tensor_content`, as they lie in memory, or one by one in
the field of their type. There, as TensorFlow reads it (`Tensor::FromProto`), the last one stands
for all that are missing, and an empty list for zeros.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from wattscan.contracts import Array
from wattscan.serving.errors import RequestRefused
from wattscan.serving.protocols.fields import large_field, split
from wattscan.serving.protocols.tfs.datatypes import Kind, kind_of, number_of
from wattscan.serving.rpc import parsed
from wattscan.serving.tensors import view
from wattscan.wire import tensorflow_pb2 as pb

_CONTENT = pb.TensorProto.TENSOR_CONTENT_FIELD_NUMBER
# Packed, their bytes are the array itself.
_FIXED: Mapping[str, int] = {
    name: pb.TensorProto.DESCRIPTOR.fields_by_name[name].number
    for name in ("float_val", "double_val", "scomplex_val", "dcomplex_val")
}
_DESCRIPTION = {"dtype", "tensor_shape", "version_number"}
# NumPy has 64 dimensions at most; a tensor within these limits has a size that it can name.
_MAX_DIMENSIONS = 32
_MAX_ELEMENTS = 1 << 48


def read_tensor(data: memoryview, name: str, max_bytes: int) -> Array:
    """The array of a serialized TensorProto, viewed where it lies if it can be.

    Args:
        data: the message.
        name: what errors call it; never a client's word.
        max_bytes: how large a tensor may become whose message lists only some of its elements.

    Returns:
        The array, of a NumPy dtype; bfloat16 becomes float32.

    Raises:
        RequestRefused: it is no TensorProto, of a dtype that is not served, or its elements do not
            fit its dtype or its shape.
    """
    small, large = split(data, (_CONTENT, *_FIXED.values()))
    message: pb.TensorProto = parsed(pb.TensorProto, small)
    kind = kind_of(message.dtype)
    shape = _shape(message.tensor_shape, name)
    content = [part for number, part in large if number == _CONTENT][-1:]
    packed = {field: [p for n, p in large if n == number] for field, number in _FIXED.items()}
    listed = {field.name for field, _ in message.ListFields()} - _DESCRIPTION
    listed |= {field for field, parts in packed.items() if any(map(len, parts))}
    if content and len(content[0]):
        if listed:
            raise RequestRefused(f"{name} has elements in tensor_content and elsewhere: send one")
        return _of_content(view(content[0], kind.content, shape, name), kind)
    if listed - {kind.field}:
        raise RequestRefused(
            f"{name} is {kind.name}: its elements belong into tensor_content or {kind.field}"
        )
    values = _values(message, packed.get(kind.field, []), kind, name)
    return _filled(values, shape, name, max_bytes)


def tensor_parts(array: Array) -> list[bytes | memoryview]:
    """The array as a serialized TensorProto, in parts; the last one is its own memory."""
    shape = pb.TensorShapeProto(dim=[pb.TensorShapeProto.Dim(size=size) for size in array.shape])
    number = cast("pb.DataType", number_of(array.dtype))
    head = pb.TensorProto(dtype=number, tensor_shape=shape).SerializeToString()
    if array.size == 0:
        return [head]
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return [head + large_field(_CONTENT, len(content)), content]


def _shape(message: pb.TensorShapeProto, name: str) -> tuple[int, ...]:
    """Without a dimension it is a scalar's. Raises: RequestRefused."""
    if message.unknown_rank:
        raise RequestRefused(f"{name} has no tensor_shape: its rank is unknown")
    if len(message.dim) > _MAX_DIMENSIONS:
        raise RequestRefused(f"{name} has more than {_MAX_DIMENSIONS} dimensions")
    shape = tuple(dim.size for dim in message.dim)
    # Zeros do not count here: NumPy multiplies the others.
    if any(size < 0 for size in shape) or math.prod(max(size, 1) for size in shape) > _MAX_ELEMENTS:
        raise RequestRefused(f"{name} has an impossible shape, {list(shape)[:8]}")
    return shape


def _of_content(array: Array, kind: Kind) -> Array:
    if kind.content == kind.array:
        return array
    # A bool of another value than 0 and 1 would be neither to NumPy.
    return array != 0 if kind.array == np.bool_ else _widened(array)


def _values(message: pb.TensorProto, packed: Sequence[memoryview], kind: Kind, name: str) -> Array:
    """The elements that are listed, one-dimensional. Raises: RequestRefused."""
    listed = getattr(message, kind.field)
    # Parsers take both forms of a field, and no writer mixes them.
    data: bytes | memoryview = packed[0] if len(packed) == 1 else b"".join(packed)
    if len(data) and len(listed):
        raise RequestRefused(f"{name} has a {kind.field} that is packed in part")
    values: Array
    if len(data):
        if len(data) % kind.listed.itemsize:
            raise RequestRefused(f"{name} has a {kind.field} that ends within an element")
        values = np.frombuffer(data, kind.listed)
    else:
        values = np.fromiter(listed, kind.listed, len(listed))
    return _converted(values, kind, name)


def _converted(values: Array, kind: Kind, name: str) -> Array:
    """From the field's type to the tensor's."""
    if kind.field == "half_val":  # the 16 bits of each, in the low half
        bits = values.astype(np.uint16)
        return bits.view(np.float16) if kind.array == np.float16 else _widened(bits)
    if kind.array.kind == "c":
        if len(values) % 2:
            raise RequestRefused(f"{name} has a {kind.field} that ends within an element")
        return values.view(kind.array)
    if kind.field == "int_val" and kind.array != np.int32 and len(values):
        limits = np.iinfo(kind.array)
        if values.min() < limits.min or values.max() > limits.max:
            raise RequestRefused(f"{name} has a value in int_val that {kind.name} cannot hold")
    return values.astype(kind.array, copy=False)


def _widened(bits: Array) -> Array:
    """bfloat16 -> float32, of which it is the upper half."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _filled(values: Array, shape: Sequence[int], name: str, max_bytes: int) -> Array:
    """In the shape; what is missing is as the last one. Raises: RequestRefused."""
    count = math.prod(shape)
    if len(values) == count:
        return values.reshape(shape)
    if len(values) > count:
        raise RequestRefused(
            f"{name} lists {len(values)} elements, and its shape {list(shape)[:8]} has {count}"
        )
    size = count * values.dtype.itemsize
    if size > max_bytes:
        raise RequestRefused(
            f"{name} lists {len(values)} of {count} elements; it may be filled up to "
            f"{max_bytes} bytes, and has {size}"
        )
    if not len(values):
        return np.zeros(shape, values.dtype)
    filled: np.ndarray[Any, np.dtype[Any]] = np.empty(count, values.dtype)
    filled[: len(values)] = values
    filled[len(values) :] = values[-1]
    return filled.reshape(shape)
