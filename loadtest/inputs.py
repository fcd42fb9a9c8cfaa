"""What is sent: image files for the typed protocol, tensors for the others."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import gevent
import numpy as np
from gevent.threadpool import ThreadPool
from numpy.typing import NDArray
from PIL import Image

from wattscan import plugins
from wattscan.contracts import Normalisation, WattscanError
from wattscan.imaging import decode
from wattscan.phantoms import phantom_files
from wattscan.workloads import DRAWN, PHANTOM, Workload

DRAWN_SAMPLES = 32
_TENSOR_FILES = {".npy", ".npz"}

Array: TypeAlias = NDArray[Any]
Sample: TypeAlias = Mapping[str, Array]
"""The tensors of one image, by input, each with a first axis of 1 where the model has a batch's."""


@dataclass(frozen=True)
class Input:
    """An input of a model, as its metadata tell it; -1 in the shape takes any size."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def files_of(workload: Workload, subject: str) -> list[bytes]:
    """The files of a task, in the seed's order, sent as they are. Raises: WattscanError."""
    if workload.images == PHANTOM:
        found = list(_phantoms(subject))
    else:
        found = [_read(path) for path in _paths(workload, subject)]
    random.Random(workload.seed).shuffle(found)  # noqa: S311
    return found


@cache
def _phantoms(task: str) -> tuple[bytes, ...]:
    # The same for every variant, and seconds of work: in a thread, since a worker that is not heard
    # for three seconds is taken for dead. A pool of its own, because gRPC holds the hub's.
    pool = ThreadPool(1)
    try:
        return tuple(pool.apply(phantom_files, (plugins.task(task),)))
    finally:
        pool.kill()


def samples_of(
    workload: Workload,
    subject: str,
    inputs: Sequence[Input],
    normalisation: Normalisation | None = None,
) -> list[Sample]:
    """The tensors of a task's or a model's images, in the seed's order.

    A task's images are preprocessed as the task says, by the `normalisation` of its card. Those of
    another model are scaled to 0 to 1 and resized to what its one input takes. `.npy` and `.npz`
    files are sent as they are.

    Raises: WattscanError.
    """
    if workload.images == DRAWN:
        return _drawn(workload, subject, inputs)
    paths = [] if workload.images == PHANTOM else _paths(workload, subject)
    ready = [path for path in paths if path.suffix.lower() in _TENSOR_FILES]
    if ready and len(ready) < len(paths):
        raise WattscanError(
            f"{paths[0].parent} has .npy or .npz files beside others: send one kind at a time"
        )
    if ready:
        found = [_loaded(path, inputs) for path in ready]
        random.Random(workload.seed).shuffle(found)  # noqa: S311
        return found
    if normalisation is not None:
        tensors = _preprocessed(workload, subject, normalisation)
        return list(_named(inputs[0].name, tensors))
    if workload.images == PHANTOM:
        raise WattscanError(
            f"{subject} is no clinical task, so there is no phantom of it: set images to a folder "
            f"with a folder {subject} of .npy, .npz or image files, or to {DRAWN!r}"
        )
    return [_picture(data, subject, inputs) for data in files_of(workload, subject)]


def _preprocessed(
    workload: Workload, subject: str, normalisation: Normalisation
) -> Iterator[Array]:
    task = plugins.task(subject)
    for data in files_of(workload, subject):
        yield task.preprocess(decode(data, windowed=task.windowed), normalisation)
        gevent.sleep(0)  # a worker must be heard meanwhile


def _named(name: str, tensors: Iterator[Array]) -> Iterator[Sample]:
    for tensor in tensors:
        yield {name: tensor[np.newaxis]}


def batches(samples: Sequence[Sample], size: int, subject: str) -> list[Sample]:
    """Every sample once, `size` in a batch, filled up from the first. Raises: WattscanError."""
    if size == 1:
        return list(samples)
    found: list[Sample] = []
    for first in range(0, len(samples), size):
        parts = [samples[(first + i) % len(samples)] for i in range(size)]
        try:
            found.append({k: np.concatenate([part[k] for part in parts]) for k in parts[0]})
        except ValueError:
            raise WattscanError(
                f"the images of {subject} have tensors of different shapes: a batch is of one shape"
            ) from None
    return found


def _paths(workload: Workload, subject: str) -> list[Path]:
    folder = Path(workload.images) / subject
    paths = sorted(path for path in folder.glob("*") if path.is_file())
    if not paths:
        raise WattscanError(f"there is no image in {folder}")
    return paths


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None


def _drawn(workload: Workload, subject: str, inputs: Sequence[Input]) -> list[Sample]:
    for each in inputs:
        if min(each.shape[1:], default=0) < 0:
            raise WattscanError(
                f"{subject} takes {each.name} of any size, {list(each.shape)}: nothing can be "
                "drawn; give a folder of .npy files as images"
            )
    random_ = np.random.default_rng(abs(workload.seed))
    return [{each.name: _draw(random_, each) for each in inputs} for _ in range(DRAWN_SAMPLES)]


def _draw(random_: np.random.Generator, each: Input) -> Array:
    shape = (abs(each.shape[0]), *each.shape[1:]) if each.shape else ()
    if each.dtype.kind == "f":
        return random_.random(shape, np.float32).astype(each.dtype)
    most = 2 if each.dtype.kind == "b" else min(256, int(np.iinfo(each.dtype).max) + 1)
    return random_.integers(0, most, shape).astype(each.dtype)


def _loaded(path: Path, inputs: Sequence[Input]) -> Sample:
    try:
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        arrays = dict(loaded) if path.suffix.lower() == ".npz" else {inputs[0].name: loaded}
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
    except Exception as error:  # of NumPy, zipfile and zlib, and of headers that lie
        raise WattscanError(f"{path} cannot be read as NumPy's: {error}") from None
    expected = {each.name for each in inputs}
    if arrays.keys() != expected:
        raise WattscanError(
            f"{path} has {', '.join(sorted(arrays))}, and the model takes "
            f"{', '.join(sorted(expected))}: of several inputs give .npz files with their names"
        )
    return {each.name: _fitted(path, each, arrays[each.name]) for each in inputs}


def _fitted(path: Path, each: Input, array: Array) -> Array:
    if array.dtype != each.dtype:
        raise WattscanError(f"{path} is {array.dtype}, and {each.name} takes {each.dtype}")
    lacks_axis = each.shape[:1] in ((-1,), (1,)) and array.ndim == len(each.shape) - 1
    rows = array[np.newaxis] if lacks_axis else array
    fits = rows.ndim == len(each.shape) and all(
        want in (-1, have) for want, have in zip(each.shape, rows.shape, strict=True)
    )
    if not fits:
        raise WattscanError(
            f"{path} has the shape {list(array.shape)}, and {each.name} takes {list(each.shape)}"
        )
    if each.shape[:1] == (-1,) and rows.shape[0] != 1:
        raise WattscanError(
            f"{path} holds {rows.shape[0]} images: give each a file; batch says how many go into a "
            "request"
        )
    return np.ascontiguousarray(rows)


def _picture(data: bytes, subject: str, inputs: Sequence[Input]) -> Sample:
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
