"""Which images to train, validate and score on: the phantom's, or a public data set's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wattscan.contracts import Task, WattscanError
from wattscan.training import clinical_sets, phantoms
from wattscan.training.clinical_sets import SplitBy
from wattscan.training.data import Split, TrainingData
from wattscan.training.recipe import DataSettings

__all__ = ["SplitBy", "describe", "held_out", "held_out_units", "training_data"]


def describe(
    task: Task, settings: DataSettings, seed: int, folder: Path | None, split: SplitBy
) -> dict[str, Any]:
    """The card's `data` table. Raises: WattscanError: the folder is not the task's data set."""
    if folder is None:
        return phantoms.describe(task, settings, seed)
    return clinical_sets.describe(clinical_sets.opened(task.name, folder), split)


def training_data(task: Task, table: Mapping[str, Any], folder: Path | None) -> TrainingData:
    """The sets to fit on. Raises: WattscanError: as `describe`, or a folder that does not fit."""
    _check(table, folder)
    if folder is None:
        return phantoms.training_data(task, table)
    return clinical_sets.training_data(task, table, folder)


def held_out(task: Task, table: Mapping[str, Any], folder: Path | None) -> Split:
    """The set to be scored on, its masks at the source's size. Raises: as `training_data`."""
    _check(table, folder)
    if folder is None:
        return phantoms.held_out(task, table)
    return clinical_sets.held_out(task, table, folder)


def held_out_units(task: Task, table: Mapping[str, Any], folder: Path | None) -> list[str]:
    """Whose each held-out image is; a phantom's images are each of their own."""
    _check(table, folder)
    if folder is None:
        return [str(number) for number in range(int(table["test_count"]))]
    return clinical_sets.held_out_patients(task, table, folder)


def _check(table: Mapping[str, Any], folder: Path | None) -> None:
    if not isinstance(table, Mapping):
        raise WattscanError("the card does not say which data it was trained on")
    phantom = table.get("kind") == phantoms.KIND
    name = table.get("name", "a data set")
    if phantom and folder is not None:
        raise WattscanError(f"this model was trained on {name}: leave --data out")
    if not phantom and folder is None:
        raise WattscanError(f"this model was trained on {name}: give its folder with --data")
