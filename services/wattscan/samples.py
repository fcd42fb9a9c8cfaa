"""The tensors of one image, for a model without a task: drawn, from NumPy's files, or a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from wattscan.contracts import Array, TensorSpec, WattscanError
from wattscan.imaging import decode

DRAWN_SAMPLES = 32
"""How many are drawn."""
TENSOR_FILES = frozenset({".npy", ".npz"})

Sample: TypeAlias = Mapping[str, Array]
"""The tensors of one image, by input, each with a first axis of 1 where the model has a batch's."""


def drawn(subject: str, inputs: Sequence[TensorSpec], seed: int) -> list[Sample]:
    """Samples that are the same for a seed: reals from 0 to 1, whole numbers from 0 to 255 at most.

    Raises: WattscanError: a size beyond the batch's is open.
    """
    for each in inputs:
        if min(each.shape[1:], default=0) < 0:
            raise WattscanError(
                f"{subject} takes {each.name} of any size, {list(each.shape)}: nothing can be "
                "drawn; give a folder of .npy files as images"
            )
    random = np.random.default_rng(abs(seed))
    return [{each.name: _draw(random, each) for each in inputs} for _ in range(DRAWN_SAMPLES)]


def _draw(random: np.random.Generator, each: TensorSpec) -> Array:
    shape = (abs(each.shape[0]), *each.shape[1:]) if each.shape else ()
    if each.dtype.kind == "f":
        return random.random(shape, np.float32).astype(each.dtype)
    most = 2 if each.dtype.kind == "b" else min(256, int(np.iinfo(each.dtype).max) + 1)
    return random.integers(0, most, shape).astype(each.dtype)


def loaded(path: Path, inputs: Sequence[TensorSpec]) -> Sample:
    """A `.npy` or `.npz` file, as the inputs take it. Raises: WattscanError."""
    try:
        content = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        arrays = dict(content) if path.suffix.lower() == ".npz" else {inputs[0].name: content}
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
    except Exception as error:  # of NumPy, zipfile and zlib, and of headers that lie
        raise WattscanError(f"{path} cannot be read as NumPy's: {error}") from None
    expected = {each.name for each in inputs}
    if arrays.keys() != expected:
        raise WattscanError(
            f"{path} has {', '.join(sorted(arrays))}, and the model takes "
            f"{', '.join(sorted(expected))}: of several inputs give .npz files with their names"
        )
    return {each.name: fitted(path, each, arrays[each.name]) for each in inputs}


def fitted(what: object, each: TensorSpec, array: Array) -> Array:
    """The array with the axis of a batch. Raises: WattscanError: the input does not take it."""
    if array.dtype != each.dtype:
        raise WattscanError(f"{what} is {array.dtype}, and {each.name} takes {each.dtype}")
    lacks_axis = each.shape[:1] in ((-1,), (1,)) and array.ndim == len(each.shape) - 1
    rows = array[np.newaxis] if lacks_axis else array
    fits = rows.ndim == len(each.shape) and all(
        want in (-1, have) for want, have in zip(each.shape, rows.shape, strict=True)
    )
    if not fits:
        raise WattscanError(
            f"{what} has the shape {list(array.shape)}, and {each.name} takes {list(each.shape)}"
        )
    if each.shape[:1] == (-1,) and rows.shape[0] != 1:
        raise WattscanError(
            f"{what} holds {rows.shape[0]} images: give each a file; batch says how many go into a "
            "request"
        )
    return np.ascontiguousarray(rows)


def picture(data: bytes, subject: str, inputs: Sequence[TensorSpec]) -> Sample:
    """An image as a plain model's input, 0 to 1; channels last or first, as the shape says."""
    each = inputs[0]
    shape = each.shape
    last, first = shape[-1:] in ((1,), (3,)), shape[1:2] in ((1,), (3,))
    size = (shape[1:3] if last else shape[2:4]) if len(shape) == 4 else ()
    if len(inputs) > 1 or not (last or first) or len(size) != 2 or each.dtype.kind != "f":
        told = ", ".join(f"{i.name} {i.dtype} {list(i.shape)}" for i in inputs)
        raise WattscanError(
            f"{subject} takes {told}, which no image file becomes: give .npy or .npz files"
        )
    pixels = decode(data).astype(np.float32)
    span = float(pixels.max() - pixels.min()) or 1.0
    scaled = (pixels - pixels.min()) / span
    planes = scaled if scaled.ndim == 3 else scaled[..., np.newaxis]
    channels = shape[-1] if last else shape[1]
    if planes.shape[2] != channels:
        gray = planes.mean(axis=2, keepdims=True)
        planes = np.repeat(gray, channels, axis=2)
    if min(size) > 0:
        planes = np.stack([_resized(planes[..., c], size) for c in range(channels)], axis=2)
    tensor = planes if last else planes.transpose(2, 0, 1)
    return {each.name: np.ascontiguousarray(tensor[np.newaxis], each.dtype)}


def _resized(plane: Array, size: tuple[int, ...]) -> Array:
    resized = Image.fromarray(plane.astype(np.float32)).resize(
        (size[1], size[0]), Image.Resampling.BILINEAR
    )
    return np.asarray(resized)
