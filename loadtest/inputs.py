"""What is sent: image files for the typed protocol, tensors for the others."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import gevent
import numpy as np
from gevent.monkey import get_original
from numpy.typing import NDArray

from wattscan import plugins
from wattscan.contracts import Normalisation, TensorSpec, WattscanError, split_name
from wattscan.imaging import decode
from wattscan.phantoms import phantom_files
from wattscan.samples import TENSOR_FILES, Sample, drawn, loaded, picture
from wattscan.workloads import DRAWN, PHANTOM, Workload

_LOOK_SECONDS = 0.02

Array: TypeAlias = NDArray[Any]
Input: TypeAlias = TensorSpec
"""An input of a model, as its metadata tell it; -1 in the shape takes any size."""


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
    # for three seconds is taken for dead. The hub looks for its end: in a worker that was forked, a
    # thread pool's own signal may go to another process.
    made: list[tuple[bytes, ...] | BaseException] = []
    found = plugins.task(task)

    def make() -> None:
        try:
            made.append(tuple(phantom_files(found)))
        except BaseException as error:
            made.append(error)

    get_original("_thread", "start_new_thread")(make, ())
    while not made:
        gevent.sleep(_LOOK_SECONDS)
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


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
        return drawn(subject, inputs, workload.seed)
    paths = [] if workload.images == PHANTOM else _paths(workload, subject)
    ready = [path for path in paths if path.suffix.lower() in TENSOR_FILES]
    if ready and len(ready) < len(paths):
        raise WattscanError(
            f"{paths[0].parent} has .npy or .npz files beside others: send one kind at a time"
        )
    if ready:
        found = [loaded(path, inputs) for path in ready]
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
    return [picture(data, subject, inputs) for data in files_of(workload, subject)]


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
    if not folder.is_dir():  # a variant's own, or else what all of them take
        folder = folder.with_name(split_name(subject)[0])
    paths = sorted(path for path in folder.glob("*") if path.is_file())
    if not paths:
        raise WattscanError(f"there is no image in {folder}")
    return paths


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
