"""TensorFlow's data types: which are served, and where a message keeps the elements of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from wattscan.serving.errors import RequestRefused
from wattscan.wire import tensorflow_pb2 as pb


@dataclass(frozen=True)
class Kind:
    """A data type. `name` is TensorFlow's; `field` has the elements where they are listed one by
    one, as `listed`, which the message's own field type gives; `content` is how they lie in
    `tensor_content`, and `array` what they become.
    """

    name: str
    field: str
    listed: np.dtype[Any]
    content: np.dtype[Any]
    array: np.dtype[Any]


def _kind(name: str, field: str, listed: str, array: str, content: str = "") -> Kind:
    return Kind(name, field, np.dtype(listed), np.dtype(content or array), np.dtype(array))


# By TensorFlow's numbers. NumPy has no bfloat16; a float32 holds each of its values, and a model
# that takes float32 gets them so.
_KINDS: Mapping[int, Kind] = {
    pb.DT_FLOAT: _kind("DT_FLOAT", "float_val", "<f4", "<f4"),
    pb.DT_DOUBLE: _kind("DT_DOUBLE", "double_val", "<f8", "<f8"),
    pb.DT_HALF: _kind("DT_HALF", "half_val", "<i4", "<f2"),
    pb.DT_BFLOAT16: _kind("DT_BFLOAT16", "half_val", "<i4", "<f4", content="<u2"),
    pb.DT_INT8: _kind("DT_INT8", "int_val", "<i4", "i1"),
    pb.DT_INT16: _kind("DT_INT16", "int_val", "<i4", "<i2"),
    pb.DT_INT32: _kind("DT_INT32", "int_val", "<i4", "<i4"),
    pb.DT_INT64: _kind("DT_INT64", "int64_val", "<i8", "<i8"),
    pb.DT_UINT8: _kind("DT_UINT8", "int_val", "<i4", "u1"),
    pb.DT_UINT16: _kind("DT_UINT16", "int_val", "<i4", "<u2"),
    pb.DT_UINT32: _kind("DT_UINT32", "uint32_val", "<u4", "<u4"),
    pb.DT_UINT64: _kind("DT_UINT64", "uint64_val", "<u8", "<u8"),
    pb.DT_BOOL: _kind("DT_BOOL", "bool_val", "?", "?", content="u1"),
    pb.DT_COMPLEX64: _kind("DT_COMPLEX64", "scomplex_val", "<f4", "<c8"),
    pb.DT_COMPLEX128: _kind("DT_COMPLEX128", "dcomplex_val", "<f8", "<c16"),
}
_NUMBERS: Mapping[np.dtype[Any], int] = {
    kind.array: number for number, kind in _KINDS.items() if number != pb.DT_BFLOAT16
}


def kind_of(number: int) -> Kind:
    """What is known of TensorFlow's data type of that number. Raises: RequestRefused."""
    if number in _KINDS:
        return _KINDS[number]
    names = {value: name for name, value in pb.DataType.items()}
    given = names.get(cast("pb.DataType", number), "unknown")
    served = ", ".join(kind.name for kind in _KINDS.values())
    raise RequestRefused(f"a tensor's dtype is {given}; served are {served}")


def number_of(dtype: np.dtype[Any]) -> int:
    """TensorFlow's number of a model's dtype; DT_INVALID, if it has none."""
    return _NUMBERS.get(dtype, pb.DT_INVALID)
