"""The stages of the model pipeline, in order: train, quantize, export. They need torch."""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from wattscan import plugins
from wattscan.contracts import Precision, Task
from wattscan.training import card, checkpoint, data, export, graph, heldout, networks, recipe
from wattscan.training.checkpoint import Checkpoint
from wattscan.training.fit import (
    Fitted,
    Options,
    deterministic,
    fit,
    native_bfloat16,
    predict,
)
from wattscan.training.quantize import quantize as fit_quantized


def train(task_name: str, work: Path, chosen: recipe.Recipe, seed: int, command: str) -> Path:
    """Train the FP32 network on the task's phantom.

    Args:
        task_name: a task.
        work: folder of the checkpoints.
        chosen: what to train and how long.
        seed: of the weights, of the data sets and of the order of the images.
        command: what the user typed, for the card.

    Returns:
        The checkpoint's path.
    """
    deterministic(seed)
    task = plugins.task(task_name)
    sets = data.load(task, chosen.data, seed)
    network = networks.build(chosen.network, task.input_shape, chosen.network_settings)
    half = native_bfloat16()
    fitted = fit(network, task, sets, chosen.fit, Options(seed=seed, half=half))
    made = Checkpoint(
        state=network.state_dict(),
        network=chosen.network,
        network_settings=dict(chosen.network_settings),
        normalisation=sets.normalisation,
        provenance={
            "seed": seed,
            "data": _data(task, chosen.data, sets.seeds),
            "fit": {**_fitted(fitted, chosen.fit, command), "bfloat16_products": half},
        },
    )
    return checkpoint.save(work, task_name, "fp32", made)


def quantize(task_name: str, work: Path, epochs: int | None, command: str) -> Path:
    """Fine-tune the trained network with 8-bit rounding, on the images it was trained on.

    Args:
        task_name: a task whose FP32 checkpoint is in `work`.
        work: folder of the checkpoints.
        epochs: instead of the recipe's.
        command: what the user typed, for the card.

    Returns:
        The checkpoint's path.
    """
    before = checkpoint.load(work, task_name, "fp32")
    seed = before.provenance["seed"]
    deterministic(seed)
    task = plugins.task(task_name)
    counts = {name: before.provenance["data"][name] for name in recipe.DATA_FIELDS}
    sets = data.load(task, recipe.DataSettings(**counts), seed)
    settings = recipe.load(task_name).quantize
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    quantized, fitted = fit_quantized(_network(task, before), task, sets, settings, seed)
    provenance = {**before.provenance, "quantize": _fitted(fitted, settings, command)}
    made = replace(before, state=quantized.state_dict(), provenance=provenance)
    return checkpoint.save(work, task_name, "int8", made)


def export_models(task_name: str, work: Path, models: Path, command: str) -> list[Path]:
    """Write both variants, score them on the held-out set, and describe them in cards.

    Args:
        task_name: a task whose checkpoints are in `work`.
        work: folder of the checkpoints.
        models: the model folder; `<task>-fp32` and `<task>-int8` in it are overwritten.
        command: what the user typed, for the card.

    Returns:
        The cards' paths.
    """
    task = plugins.task(task_name)
    deterministic(0)
    fp32, int8 = (checkpoint.load(work, task_name, p) for p in ("fp32", "int8"))
    unrounded = graph.folded(_network(task, fp32))
    frozen = graph.prepared(unrounded)
    frozen.load_state_dict(int8.state)
    graph.freeze(frozen)
    held_out = heldout.load(task, fp32.provenance["data"], fp32.normalisation)
    cards = []
    variants: list[tuple[Precision, Any, Checkpoint]] = [
        ("fp32", unrounded, fp32),
        ("int8", frozen, int8),
    ]
    for precision, network, source in variants:
        score = task.score(predict(network, held_out.inputs), held_out.truth)
        print(f"{task_name}-{precision}: held-out {task.metric} {score:.4f}", file=sys.stderr)
        folder = models / f"{task_name}-{precision}"
        _write_files(network, task, folder, integer=precision == "int8")
        provenance = {**source.provenance, "export": _exported(command)}
        described = card.Made(
            precision, _network_title(source), source.normalisation, score, provenance
        )
        cards.append(card.write(folder, task, described))
    return cards


def _write_files(network: Any, task: Task, folder: Path, *, integer: bool) -> None:
    versioned = folder / card.VERSION
    versioned.mkdir(parents=True, exist_ok=True)
    onnx, tflite = (versioned / card.FILE_NAMES[form] for form in ("onnx", "tflite"))
    export.to_onnx(network, task.input_shape, onnx, integer=integer)
    export.to_tflite(network, task.input_shape, tflite, integer=integer)


def _network(task: Task, source: Checkpoint) -> Any:
    network = networks.build(source.network, task.input_shape, source.network_settings)
    network.load_state_dict(source.state)
    return network


def _network_title(source: Checkpoint) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in source.network_settings.items())
    return f"{source.network} ({settings})"


def _data(task: Task, settings: recipe.DataSettings, seeds: tuple[int, int]) -> Mapping[str, Any]:
    return {
        "kind": "phantom",
        "name": task.phantom_dataset,
        **asdict(settings),
        "train_seed": seeds[0],
        "validation_seed": seeds[1],
    }


def _fitted(fitted: Fitted, settings: recipe.FitSettings, command: str) -> Mapping[str, Any]:
    return {
        "command": command,
        "date": _today(),
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "batch": settings.batch,
        "learning_rate": settings.learning_rate,
        "validation_score": round(fitted.validation_score, 6),
        "seconds": round(fitted.seconds),
    }


def _exported(command: str) -> Mapping[str, Any]:
    return {
        "command": command,
        "date": _today(),
        "opset": export.OPSET,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "scored": "the frozen graph, before export",
    }


def _today() -> str:
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()
