"""Sets of images at the network's size: made once, kept under `.cache/` by what went into them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
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
class Source:
    """Where a set comes from."""

    what: Mapping[str, Any]
    """Plain values that tell this set from every other one of its task."""
    count: int
    make: Callable[[], Iterable[Example]]
    """Gives `count` examples one by one, at the source's size."""


def kept(task: Task, source: Source, *, full_size_truth: bool) -> Split:
    """The set from the cache, made now if it is not there.

    Args:
        task: whose images, and of what size.
        source: gives the examples.
        full_size_truth: keep the masks at the source's size, for a held-out set.
    """
    key = _key(task, [dict(source.what), source.count, full_size_truth])
    folder = CACHE / f"{task.name}-{key}"
    if not folder.is_dir():
        # Written aside and renamed: an interrupted run leaves no half set behind.
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _write(task, part, source, full_size_truth=full_size_truth)
        part.rename(folder)
    return Split(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "truth")))


def _write(task: Task, folder: Path, source: Source, *, full_size_truth: bool) -> None:
    count, size = source.count, task.input_shape[:2]
    files: list[Any] = []
    made = 0
    started = told = time.monotonic()
    for number, (image, truth) in enumerate(source.make()):
        small = shrunk(image, size)
        target = reduced(truth, size) if truth.ndim == 2 and not full_size_truth else truth
        if not files:
            files = [
                np.lib.format.open_memmap(
                    folder / f"{name}.npy", "w+", np.uint8, (count, *value.shape)
                )
                for name, value in (("images", small), ("truth", target))
            ]
        if target.shape != files[1].shape[1:]:
            raise WattscanError(
                f"{task.name}: image {number} has a truth of {target.shape}, the ones before it "
                f"of {files[1].shape[1:]}: they cannot be scored in one set"
            )
        files[0][number], files[1][number] = small, target
        made = number + 1
        if time.monotonic() - told > 5:
            told = time.monotonic()
            _progress(f"{task.name}: {number + 1} of {count} images", told - started)
    if made != count:
        raise WattscanError(f"{task.name}: {made} images came instead of {count}")
    for file in files:
        file.flush()
    _progress(f"{task.name}: {count} images made ready", time.monotonic() - started)


def _progress(text: str, seconds: float) -> None:
    print(f"{text}, {seconds:.0f} s", file=sys.stderr, flush=True)


def _key(task: Task, what: list[Any]) -> str:
    """A digest of the parameters and of the task's own source, so that an edit makes a new set."""
    digest = hashlib.sha256(json.dumps([task.name, *what], sort_keys=True).encode())
    folder = resources.files(f"wattscan.tasks.{task.name.replace('-', '_')}")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
