"""A task's recipe: `recipe.toml` in the task's folder, so that adding a task stays in one place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from wattscan.contracts import WattscanError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

QUICK_COUNT = 48
"""Images in each set of a quick run, which shows that the pipeline works and nothing else."""


@dataclass(frozen=True)
class FitSettings:
    """One stage of training. `learning_rate` is Adam's highest; it ends at zero (cosine)."""

    epochs: int
    batch: int
    learning_rate: float
    patience: int
    """Epochs without a better validation score before it stops."""
    warmup: float = 0.0
    """Over which part of the steps the learning rate first rises to its highest."""


@dataclass(frozen=True)
class DataSettings:
    """Sizes of the phantom sets, and the held-out set's seed."""

    train_count: int
    validation_count: int
    test_count: int
    test_seed: int


@dataclass(frozen=True)
class NetworkSettings:
    """A module of `networks`, and the keyword arguments of its `build`."""

    module: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """How one task's models are made."""

    network: NetworkSettings
    data: DataSettings
    fit: FitSettings
    quantize: FitSettings


def load(
    task_name: str,
    *,
    network: str | None = None,
    epochs: int | None = None,
    count: int | None = None,
    quick: bool = False,
) -> Recipe:
    """The task's recipe, with the caller's changes.

    Args:
        task_name: a folder under `tasks/`.
        network: one of the recipe's `[networks]`; the first unless given.
        epochs: of the FP32 training; the recipe's unless given.
        count: training images; the recipe's unless given.
        quick: the smallest run of all stages.

    Raises:
        WattscanError: the task has no recipe, it cannot be read, or it has no such network.
    """
    folder = resources.files(f"wattscan.tasks.{task_name.replace('-', '_')}")
    try:
        data = tomllib.loads(folder.joinpath("recipe.toml").read_text(encoding="utf-8"))
        recipe = Recipe(
            network=_network(task_name, data["networks"], network),
            data=DataSettings(**data["data"]),
            fit=FitSettings(**data["fit"]),
            quantize=FitSettings(**data["quantize"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WattscanError(f"{task_name} has no usable recipe.toml: {error}") from None
    if quick:
        recipe = _quick(recipe)
    if epochs is not None:
        recipe = replace(recipe, fit=replace(recipe.fit, epochs=epochs))
    if count is not None:
        recipe = replace(recipe, data=replace(recipe.data, train_count=count))
    return recipe


def _network(
    task_name: str, networks: Mapping[str, Mapping[str, Any]], wanted: str | None
) -> NetworkSettings:
    name = wanted or next(iter(networks))
    if name not in networks:
        raise WattscanError(
            f"{task_name} has no network called {name!r}; there is: {', '.join(networks)}"
        )
    arguments = dict(networks[name])
    return NetworkSettings(arguments.pop("module"), arguments)


def _quick(recipe: Recipe) -> Recipe:
    return replace(
        recipe,
        data=DataSettings(QUICK_COUNT, QUICK_COUNT, QUICK_COUNT, recipe.data.test_seed),
        fit=replace(recipe.fit, epochs=2),
        quantize=replace(recipe.quantize, epochs=1),
    )
