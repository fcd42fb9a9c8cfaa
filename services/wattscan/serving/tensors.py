"""Are these the tensors that the model takes?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wattscan.contracts import Array, TensorSpec
from wattscan.serving.errors import RequestRefused
from wattscan.serving.repository.loaded import LoadedModel

_MAX_ROWS = 1024
_MAX_DIMENSIONS = 32
_MAX_SIZE = 1 << 31


def check_inputs(model: LoadedModel, given: Mapping[str, Array]) -> list[Array]:
    """The inputs in the model's order.

    Raises:
        RequestRefused: one is missing, too many, or of another type or shape; or a clinical
            model's has values that are not finite.
    """
    known = {spec.name for spec in model.inputs}
    if len(given) != len(known) or not known <= given.keys():
        raise RequestRefused(
            f"{model.name} takes {len(known)} input(s), {_names(model.inputs)}; "
            f"the request has {len(given)}, "
            + ("with another name" if len(given) == len(known) else "not that many")
        )
    arrays = [given[spec.name] for spec in model.inputs]
    for spec, array in zip(model.inputs, arrays, strict=True):
        _check(spec, array)
        if model.clinical is not None and not _finite(array):
            raise RequestRefused(f"{spec.name} has values that are not finite (NaN or infinity)")
    return arrays


def rows_of(model: LoadedModel, arrays: Sequence[Array]) -> int:
    """How many images the request has. Raises: RequestRefused, unless all inputs have as many."""
    if not model.batched:
        return 1
    rows = {array.shape[0] for array in arrays}
    count: int = arrays[0].shape[0]
    if len(rows) != 1 or not 1 <= count <= _MAX_ROWS:
        raise RequestRefused(
            f"the inputs' first dimension must be one number of images, from 1 to {_MAX_ROWS}"
        )
    return count


def view(data: bytes | memoryview, dtype: np.dtype[Any], shape: Sequence[int], name: str) -> Array:
    """Little-endian bytes as an array, without a copy. `name` is the model's own word.

    Raises: RequestRefused, if the shape does not fit the bytes.
    """
    check_shape(len(data), dtype, shape, name)
    return shaped(np.frombuffer(data, dtype), shape, name)


def check_dimensions(shape: Sequence[int], name: str) -> None:
    """Raises: RequestRefused, for a shape whose size would take long to multiply."""
    if len(shape) > _MAX_DIMENSIONS:
        raise RequestRefused(f"{name} has more than {_MAX_DIMENSIONS} dimensions")
    if shape and not 0 <= min(shape) <= max(shape) <= _MAX_SIZE:
        raise RequestRefused(f"{name} has an impossible shape, {list(shape)[:8]}")


def check_shape(length: int, dtype: np.dtype[Any], shape: Sequence[int], name: str) -> None:
    """Raises: RequestRefused, if the shape does not fit so many bytes."""
    check_dimensions(shape, name)
    expected = math.prod(shape) * dtype.itemsize
    if expected != length:
        raise RequestRefused(
            f"{name} has {length} bytes; shape {list(shape)[:8]} of {dtype.name} has {expected}"
        )


def shaped(array: Array, shape: Sequence[int], name: str) -> Array:
    """The array in that shape. Raises: RequestRefused, for one that NumPy cannot have."""
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError):
        raise RequestRefused(f"{name} has a shape that no array has") from None


def _check(spec: TensorSpec, array: Array) -> None:
    if array.dtype != spec.dtype:
        raise RequestRefused(f"{spec.name} must be {spec.dtype.name}, not {array.dtype.name}")
    if not _fits(spec.shape, array.shape):
        raise RequestRefused(
            f"{spec.name} must have shape {list(spec.shape)} (-1: any), not {list(array.shape)[:8]}"
        )


def _fits(wanted: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if len(wanted) != len(shape):
        return False
    for size, other in zip(wanted, shape, strict=True):  # noqa: SIM110  (a generator costs more)
        if size not in (-1, other):
            return False
    return True


def _finite(array: Array) -> bool:
    # A sum is quicker, and only an infinite one needs a closer look.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def _names(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(spec.name for spec in specs)
