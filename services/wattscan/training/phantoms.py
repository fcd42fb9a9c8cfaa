"""A task's phantom as training, validation and held-out sets, whose seeds never meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from wattscan.contracts import Task, WattscanError
from wattscan.training.data import DataSource, Example, Split, TrainingData, kept, normalisation_of
from wattscan.training.recipe import DataSettings

KIND = "phantom"
_FIRST_SEED = 1_000_000
"""Above any held-out set's seed, so that no training image is ever scored."""
_SEEDS = 2**30
_MOST = 1_000_000
"""Images in a set: a card that asks for more is wrong."""
_CHUNK = 16
"""Images asked of a phantom at once, so that progress can be told."""


def describe(task: Task, settings: DataSettings, seed: int) -> dict[str, Any]:
    """The card's `data` table: enough to make every set again. Raises: WattscanError."""
    if not 0 <= seed < _SEEDS or not 0 <= settings.test_seed < _FIRST_SEED:
        raise WattscanError(f"a seed is a whole number from 0 to {_SEEDS - 1}, not {seed}")
    return {
        "kind": KIND,
        "name": task.phantom_dataset,
        **asdict(settings),
        "train_seed": _FIRST_SEED + 2 * seed,
        "validation_seed": _FIRST_SEED + 2 * seed + 1,
    }


def training_data(task: Task, table: Mapping[str, Any]) -> TrainingData:
    """The sets to fit on that `describe` described."""
    train, validation = (
        _split(task, table[f"{name}_count"], table[f"{name}_seed"])
        for name in ("train", "validation")
    )
    return TrainingData(train, validation, normalisation_of(task, train))


def held_out(task: Task, table: Mapping[str, Any]) -> Split:
    """The set to be scored on. Raises: WattscanError: the table does not say which."""
    try:
        count, seed = int(table["test_count"]), int(table["test_seed"])
        if not 1 <= count <= _MOST or not 0 <= seed < _FIRST_SEED:
            raise ValueError(f"{count} images of seed {seed}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WattscanError(f"the card does not say which held-out set it means: {error}") from None
    return _split(task, count, seed, full_size_truth=True)


def _split(task: Task, count: int, seed: int, *, full_size_truth: bool = False) -> Split:
    source = DataSource({"kind": KIND, "seed": seed}, count, lambda: _examples(task, count, seed))
    return kept(task, source, full_size_truth=full_size_truth)


def _examples(task: Task, count: int, seed: int) -> Iterator[Example]:
    for first in range(0, count, _CHUNK):
        samples = task.phantom(min(_CHUNK, count - first), seed, first)
        yield from zip(samples.images, samples.truth, strict=True)
