"""A public data set split into training, validation and held-out images, by patient.

The held-out part is 30 % (what the paper took of ChestX-ray14, with the same seed), the validation
part 10 % of the rest. Split by image, as the paper did, one patient's images fall on both sides,
and the score tells how well a network knows patients that it has seen: that is leaking.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wattscan import plugins
from wattscan.contracts import DataSet, Task, WattscanError
from wattscan.training.data import DataSource, Example, Split, TrainingData, kept, normalisation_of

KIND = "clinical"
SplitBy = Literal["patient", "image-leaking"]
SPLITS: tuple[SplitBy, ...] = ("patient", "image-leaking")

_HELD_OUT, _VALIDATION = 0.3, 0.1
_SEED = 2018
_PARTS = ("train", "validation", "test")


def describe(dataset: DataSet, split: SplitBy) -> dict[str, Any]:
    """The card's `data` table: name, split, counts, and a digest of who is in the set."""
    parts = _parts(dataset.patients, split)
    name = dataset.name if split == "patient" else f"{dataset.name} (split by image: leaking)"
    return {
        "kind": KIND,
        "name": name,
        "split": split,
        "split_seed": _SEED,
        "patients": len(set(dataset.patients)),
        "digest": _digest(dataset),
        **{f"{part}_count": len(parts[part]) for part in _PARTS},
    }


def training_data(task: Task, table: Mapping[str, Any], folder: Path) -> TrainingData:
    """The sets to fit on. Raises: WattscanError: the folder holds other images than the card's."""
    train, validation = (_split(task, table, folder, part) for part in ("train", "validation"))
    return TrainingData(train, validation, normalisation_of(task, train))


def held_out(task: Task, table: Mapping[str, Any], folder: Path) -> Split:
    """The set to be scored on, its masks at the source's size. Raises: as `training_data`."""
    return _split(task, table, folder, "test", full_size_truth=True)


def held_out_patients(task: Task, table: Mapping[str, Any], folder: Path) -> list[str]:
    """Whose each image of `held_out` is."""
    patients = opened(task.name, folder).patients
    return [patients[index] for index in _parts(patients, table["split"])["test"]]


def _split(
    task: Task,
    table: Mapping[str, Any],
    folder: Path,
    part: str,
    *,
    full_size_truth: bool = False,
) -> Split:
    dataset = opened(task.name, folder)
    if table.get("split") not in SPLITS or table.get("digest") != _digest(dataset):
        raise WattscanError(
            f"{folder} holds {dataset.name}, but not the same {len(dataset.patients)} images that "
            f"{table.get('name')} had when the model was trained"
        )
    chosen = _parts(dataset.patients, table["split"])[part]
    what = {
        "kind": KIND,
        "part": part,
        "split": table["split"],
        "digest": table["digest"],
        # Another copy may have the same patients and other images.
        "folder": str(folder.resolve()),
        "times": _times(dataset),
    }
    source = DataSource(what, len(chosen), lambda: _examples(dataset, chosen))
    return kept(task, source, full_size_truth=full_size_truth)


@functools.cache
def opened(task_name: str, folder: Path) -> DataSet:
    """The task's data set in the folder. Raises: WattscanError.

    Asked for each part, and opened once: the LGG set reads all its masks to open.
    """
    return plugins.task(task_name).dataset(folder)


def _examples(dataset: DataSet, chosen: NDArray[np.intp]) -> Iterator[Example]:
    return (dataset.read(int(index)) for index in chosen)


def _parts(patients: Sequence[str], split: SplitBy) -> dict[str, NDArray[np.intp]]:
    """Indices of the images in each part, ascending. Raises: WattscanError: too few to split."""
    units = list(patients) if split == "patient" else [str(i) for i in range(len(patients))]
    names = sorted(set(units))
    shuffled = np.random.default_rng(_SEED).permutation(len(names))
    held = round(_HELD_OUT * len(names))
    validating = max(1, round(_VALIDATION * (len(names) - held)))
    ends = {"test": held, "validation": held + validating, "train": len(names)}
    if held < 1 or ends["validation"] >= len(names):
        what = "patients" if split == "patient" else "images"
        raise WattscanError(f"{len(names)} {what} are too few to be split in three")
    part_of: dict[str, str] = {}
    start = 0
    for part, end in ends.items():
        part_of.update({names[i]: part for i in shuffled[start:end]})
        start = end
    return {
        part: np.array([i for i, unit in enumerate(units) if part_of[unit] == part], np.intp)
        for part in _PARTS
    }


def _digest(dataset: DataSet) -> str:
    """Of whose each image is, and of every file's name and size: the same on every machine."""
    digest = hashlib.sha256("\n".join(dataset.patients).encode())
    for file in dataset.files:
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _times(dataset: DataSet) -> str:
    """A digest of when each file was last written."""
    times = "\n".join(str(file.stat().st_mtime_ns) for file in dataset.files)
    return hashlib.sha256(times.encode()).hexdigest()[:16]
