"""The protocol's datatypes."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from wattscan.serving.errors import RequestRefused
from wattscan.wire import open_inference_pb2 as pb

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def dtype_of(name: str) -> np.dtype[Any]:
    """The datatype of that name. Raises: RequestRefused."""
    if name in DTYPES:
        return DTYPES[name]
    raise RequestRefused(f"an input's datatype is none of {', '.join(DTYPES)}")


def name_of(dtype: np.dtype[Any]) -> str:
    """Its name in messages."""
    return _NAMES[dtype]


def config_type(dtype: np.dtype[Any]) -> pb.DataType:
    """Its number in a model's configuration."""
    return cast(pb.DataType, pb.DataType.Value(f"TYPE_{_NAMES[dtype]}"))
