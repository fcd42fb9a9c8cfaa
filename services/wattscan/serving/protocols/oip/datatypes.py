"""The protocol's datatypes."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from wattscan.datatypes import DTYPES, NAMES
from wattscan.serving.errors import RequestRefused
from wattscan.wire import open_inference_pb2 as pb


def dtype_of(name: str) -> np.dtype[Any]:
    """The datatype of that name. Raises: RequestRefused."""
    if name in DTYPES:
        return DTYPES[name]
    raise RequestRefused(f"an input's datatype is none of {', '.join(DTYPES)}")


def name_of(dtype: np.dtype[Any]) -> str:
    """Its name in messages."""
    return NAMES[dtype]


def config_type(dtype: np.dtype[Any]) -> pb.DataType:
    """Its number in a model's configuration."""
    return cast(pb.DataType, pb.DataType.Value(f"TYPE_{NAMES[dtype]}"))
