"""Sets of images at the network's size: made once, kept under `.cache/` by what went into them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from wattscan.contracts import Normalisation, Task, Tensor, WattscanError

CACHE = Path(".cache/training")

Example = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""An image uint8 (height, width[, 3]) and its truth, as in `contracts.Samples`."""


@dataclass(frozen=True)
class Split:
    """Images uint8 (N, H, W[, 3]) at the network's size, and the truth: findings uint8 (N, K), or
    masks uint8 (N, h, w): of the network's size to train on, of the source's to be scored on."""

    images: NDArray[np.uint8]
    truth: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class TrainingData:
    """What the fit sees: never the held-out set."""

    train: Split
    validation: Split
    normalisation: Normalisation


def inputs(task: Task, images: NDArray[np.uint8], normalisation: Normalisation) -> Tensor:
    """What the network takes: float32 (N, H, W, C), by the task's own preprocessing."""
    return np.stack([task.preprocess(image, normalisation) for image in images])


def normalisation_of(task: Task, train: Split) -> Normalisation:
    """What the task prescribes, else the mean and standard deviation of the training set."""
    if task.normalisation is not None:
        return task.normalisation
    as_they_are = inputs(task, train.images, Normalisation(mean=0.0, std=1.0))
    return Normalisation(
        mean=float(as_they_are.mean(dtype=np.float64)), std=float(as_they_are.std(dtype=np.float64))
    )


def shrunk(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An 8-bit image at (height, width), resized as the tasks' preprocessing resizes it."""
    resized = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def reduced(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask at (height, width): 1 where about half of the pixel is covered, or more."""
    covered = Image.fromarray(mask * np.uint8(255)).resize((size[1], size[0]), Image.Resampling.BOX)
    return (np.asarray(covered) >= 128).astype(np.uint8)


@dataclass(frozen=True)
class DataSource:
    """Where a set comes from."""

    what: Mapping[str, Any]
    """Plain values that tell this set from every other one of its task."""
    count: int
    make: Callable[[], Iterable[Example]]
    """Gives `count` examples one by one, at the source's size."""


def kept(task: Task, source: DataSource, *, full_size_truth: bool) -> Split:
    """The set from the cache, made now if it is not there or not whole.

    Args:
        task: whose images, and of what size.
        source: gives the examples.
        full_size_truth: keep the masks at the source's size, for a held-out set.

    Raises:
        WattscanError: the examples do not fit into one set, or there is none.
    """
    if source.count < 1:
        raise WattscanError(f"{task.name}: a set of {source.count} images was asked for")
    key = digest_of(task, [dict(source.what), source.count, full_size_truth])
    folder = CACHE / f"{task.name}-{key}"
    if not _whole(folder):
        CACHE.mkdir(parents=True, exist_ok=True)
        # Of its own, and renamed: neither an interrupted nor a second run leaves half a set.
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=CACHE))
        try:
            _write(task, part, source, full_size_truth=full_size_truth)
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
        except OSError:
            if not _whole(folder):  # else another run has made it meanwhile
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Split(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS))


_ARRAYS = ("images", "truth")
_DIGEST = "sha256"


def _whole(folder: Path) -> bool:
    """Whether the arrays are there as they were written; a damaged set is made again."""
    try:
        return (folder / _DIGEST).read_text(encoding="ascii") == _content(folder)
    except OSError:
        return False


def _content(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in _ARRAYS:
        with (folder / f"{name}.npy").open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _write(task: Task, folder: Path, source: DataSource, *, full_size_truth: bool) -> None:
    count, size = source.count, task.input_shape[:2]
    arrays: list[NDArray[np.uint8]] = []
    made, started = 0, time.monotonic()
    told = started
    for image, truth in source.make():
        target = reduced(truth, size) if truth.ndim == 2 and not full_size_truth else truth
        if not arrays:
            shapes = (shrunk(image, size).shape, target.shape)
            arrays = [
                _array(folder / f"{name}.npy", (count, *shape))
                for name, shape in zip(_ARRAYS, shapes, strict=True)
            ]
        if target.shape != arrays[1].shape[1:]:
            raise WattscanError(
                f"{task.name}: image {made} has a truth of {target.shape}, the ones before it "
                f"of {arrays[1].shape[1:]}: they cannot be scored in one set"
            )
        arrays[0][made], arrays[1][made] = shrunk(image, size), target
        made += 1
        if time.monotonic() - told > 5:
            told = time.monotonic()
            _progress(f"{task.name}: {made} of {count} images", told - started)
    if made != count:
        raise WattscanError(f"{task.name}: {made} images came instead of {count}")
    arrays.clear()  # written out
    (folder / _DIGEST).write_text(_content(folder), encoding="ascii")
    _progress(f"{task.name}: {count} images made ready", time.monotonic() - started)


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An array in a file, its room on the disk taken now: a full disk is told, not died of."""
    array = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _progress(text: str, seconds: float) -> None:
    print(f"{text}, {seconds:.0f} s", file=sys.stderr, flush=True)


def digest_of(task: Task, what: list[Any]) -> str:
    """Of the parameters, and of the source that makes images of them: an edit makes a new set."""
    digest = hashlib.sha256(
        json.dumps([task.name, PIL.__version__, *what], sort_keys=True).encode()
    )
    for package in (f"wattscan.tasks.{task.name.replace('-', '_')}", "wattscan.clinical"):
        for file in sorted(resources.files(package).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:16]
