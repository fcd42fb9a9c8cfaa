"""Phantom sets for training: made once, kept under `.cache/` by what went into them."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wattscan.contracts import Normalisation, Task, Tensor
from wattscan.training.recipe import DataSettings

CACHE = Path(".cache/training")
_AS_IT_IS = Normalisation(mean=0.0, std=1.0)
_FIRST_SEED = 1_000_000
"""Above any held-out set's seed, so that no training frame is ever scored."""


@dataclass(frozen=True)
class Split:
    """Inputs before normalisation, float32 (N, H, W, C), and masks uint8 (N, H, W), 0 or 1."""

    inputs: Tensor
    truth: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class TrainingData:
    """What the fit sees: never the held-out set."""

    train: Split
    validation: Split
    normalisation: Normalisation
    seeds: tuple[int, int]
    """Of the training and of the validation set."""


def load(task: Task, settings: DataSettings, seed: int, cache: Path = CACHE) -> TrainingData:
    """The sets of one seed, and the training set's statistics."""
    seeds = (_FIRST_SEED + 2 * seed, _FIRST_SEED + 2 * seed + 1)
    train = _split(task, settings.train_count, seeds[0], cache)
    validation = _split(task, settings.validation_count, seeds[1], cache)
    normalisation = Normalisation(
        mean=float(train.inputs.mean(dtype=np.float64)),
        std=float(train.inputs.std(dtype=np.float64)),
    )
    return TrainingData(train, validation, normalisation, seeds)


def normalised(split: Split, normalisation: Normalisation) -> Tensor:
    """The inputs as the network takes them, float32 (N, H, W, C)."""
    mean, std = np.float32(normalisation.mean), np.float32(normalisation.std)
    return (split.inputs - mean) / std


def _split(task: Task, count: int, seed: int, cache: Path) -> Split:
    path = cache / f"{task.name}-{_key(task, count, seed)}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return Split(kept["inputs"], kept["truth"])
    started = time.monotonic()
    print(f"making {count} phantom images of {task.name} (seed {seed})", file=sys.stderr)
    split = _made(task, count, seed)
    print(f"made in {time.monotonic() - started:.0f} s", file=sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: an interrupted run leaves no half file behind.
    part = path.with_suffix(".part.npz")
    np.savez(part, inputs=split.inputs, truth=split.truth)
    part.replace(path)
    return split


def _made(task: Task, count: int, seed: int) -> Split:
    samples = task.phantom(count, seed)
    height, width, _ = task.input_shape
    inputs = np.stack([task.preprocess(image, _AS_IT_IS) for image in samples.images])
    truth = np.stack([_reduced(mask, (height, width)) for mask in samples.truth])
    return Split(inputs, truth)


def _reduced(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask at the network's size: 1 where at least half of the pixel is covered."""
    covered = Image.fromarray(mask * np.uint8(255)).resize((size[1], size[0]), Image.Resampling.BOX)
    return (np.asarray(covered) >= 128).astype(np.uint8)


def _key(task: Task, count: int, seed: int) -> str:
    """A digest of the parameters and of the task's own source, so that an edit makes a new set."""
    digest = hashlib.sha256(json.dumps([task.name, count, seed]).encode())
    folder = resources.files(f"wattscan.tasks.{task.name.replace('-', '_')}")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
