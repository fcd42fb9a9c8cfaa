"""The stages of the model pipeline, in order: train, quantize, export. They need torch."""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wattscan import plugins
from wattscan.artifacts import FILE_NAMES
from wattscan.contracts import Difference, Task
from wattscan.training import bootstrap, card, checkpoint, export, graph, networks, recipe, sets
from wattscan.training.checkpoint import Checkpoint
from wattscan.training.data import TrainingData, digest_of
from wattscan.training.fit import FitOptions, Fitted, deterministic, fit, native_bfloat16, predict
from wattscan.training.quantize import CALIBRATION_IMAGES, calibrated, trained_with_rounding


@dataclass(frozen=True)
class Origin:
    """Where the data comes from, and what the user typed."""

    command: str
    folder: Path | None = None
    """A public data set; None for the phantom."""
    split: sets.SplitBy = "patient"


def train(task_name: str, work: Path, chosen: recipe.Recipe, seed: int, origin: Origin) -> Path:
    """Train the FP32 network.

    Args:
        task_name: a task.
        work: folder of the checkpoints.
        chosen: what to train and how long.
        seed: of the weights, of the phantom, and of the order of the images.
        origin: what to train on.

    Returns:
        The checkpoint's path.

    Raises:
        WattscanError: the folder is not the task's data set.
    """
    deterministic(seed)
    task = plugins.task(task_name)
    table = sets.describe(task, chosen.data, seed, origin.folder, origin.split)
    data = sets.training_data(task, table, origin.folder)
    network = _built(task, chosen.network.module, chosen.network.arguments)
    half = native_bfloat16()
    progress = checkpoint.progress_file(work, task_name, "fp32")
    options = FitOptions(seed, progress, identity=_identity(task, table, data), half=half)
    fitted = fit(network, task, data, chosen.fit, options)
    made = Checkpoint(
        state=network.state_dict(),
        network=chosen.network.module,
        network_settings=dict(chosen.network.arguments),
        normalisation=data.normalisation,
        provenance={
            "seed": seed,
            "data": table,
            "fit": {**_fitted(fitted, chosen.fit, origin.command), "bfloat16_products": half},
        },
    )
    path = checkpoint.save(work, task_name, "fp32", made)
    progress.unlink(missing_ok=True)
    return path


def quantize(
    task_name: str, work: Path, settings: recipe.FitSettings, origin: Origin
) -> list[Path]:
    """Calibrate the trained network (PTQ), then train it on with rounding (QAT).

    Args:
        task_name: a task whose FP32 checkpoint is in `work`.
        work: folder of the checkpoints.
        settings: how to train.
        origin: the data that the FP32 network was trained on; its `split` is not used.

    Returns:
        The paths of both checkpoints.
    """
    before = checkpoint.load(work, task_name, "fp32")
    seed = before.provenance["seed"]
    deterministic(seed)
    task = plugins.task(task_name)
    data = sets.training_data(task, before.provenance["data"], origin.folder)
    checkpoint.discard(work, task_name, "int8")
    seen = min(CALIBRATION_IMAGES, len(data.train))
    print(f"calibrating on {seen} images", file=sys.stderr)
    network = calibrated(_network(task, before), task, data, seed)
    paths = [checkpoint.save(work, task_name, "ptq", replace(before, state=network.state_dict()))]
    progress = checkpoint.progress_file(work, task_name, "int8")
    identity = _identity(task, before.provenance["data"], data)
    options = FitOptions(seed, progress, identity=identity)
    fitted = trained_with_rounding(network, task, data, settings, options)
    provenance = {**before.provenance, "quantize": _fitted(fitted, settings, origin.command)}
    made = replace(before, state=network.state_dict(), provenance=provenance)
    paths.append(checkpoint.save(work, task_name, "int8", made))
    progress.unlink(missing_ok=True)
    return paths


def export_models(task_name: str, work: Path, models: Path, origin: Origin) -> list[Path]:
    """Write both variants, score them on the held-out set, and describe them in cards.

    Args:
        task_name: a task whose checkpoints are in `work`.
        work: folder of the checkpoints.
        models: the model folder; `<task>-fp32` and `<task>-int8` in it are overwritten.
        origin: the data that the network was trained on; its `split` is not used.

    Returns:
        The cards' paths.
    """
    deterministic(0)
    task = plugins.task(task_name)
    fp32, ptq, int8 = (checkpoint.load(work, task_name, s) for s in ("fp32", "ptq", "int8"))
    for made in (ptq, int8):
        checkpoint.check_descent(fp32, made, task_name)
    unrounded = graph.folded(_network(task, fp32))
    held_out = sets.held_out(task, fp32.provenance["data"], origin.folder)
    frozen = {"ptq": _frozen(unrounded, ptq), "int8": _frozen(unrounded, int8)}
    logits = {
        name: predict(network, task, held_out.images, fp32.normalisation)
        for name, network in (("fp32", unrounded), *frozen.items())
    }
    scores = {name: task.score(one, np.asarray(held_out.truth)) for name, one in logits.items()}
    for name, score in scores.items():
        print(f"{task_name}-{name}: held-out {task.metric} {score:.4f}", file=sys.stderr)
    units = sets.held_out_units(task, fp32.provenance["data"], origin.folder)
    difference = bootstrap.difference(task, held_out, units, (logits["fp32"], logits["int8"]))
    _tell(task, difference)
    int8_scored = card.Scored(scores["int8"], scores["ptq"], difference)
    variants = [
        _Variant("fp32", unrounded, fp32, card.Scored(scores["fp32"])),
        _Variant("int8", frozen["int8"], int8, int8_scored),
    ]
    return [_write_variant(variant, task, models, origin) for variant in variants]


@dataclass(frozen=True)
class _Variant:
    """A network that is ready to be written, where it came from, and how good it is."""

    precision: str
    network: Any
    source: Checkpoint
    scored: card.Scored


def _write_variant(variant: _Variant, task: Task, models: Path, origin: Origin) -> Path:
    """Its files and its card; returns the card's path."""
    folder = models / f"{task.name}-{variant.precision}"
    _write_files(variant.network, task, folder, integer=variant.precision == "int8")
    source = variant.source
    provenance = {**source.provenance, "export": _exported(origin.command)}
    title = _network_title(source)
    made = card.Made(variant.precision, title, source.normalisation, variant.scored, provenance)
    return card.write(folder, task, made)


def _identity(task: Task, table: Mapping[str, Any], data: TrainingData) -> list[Any]:
    return [digest_of(task, [dict(table)]), asdict(data.normalisation)]


def _frozen(unrounded: Any, source: Checkpoint) -> Any:
    prepared = graph.prepared(unrounded)
    prepared.load_state_dict(source.state)
    return graph.freeze(prepared)


def _tell(task: Task, difference: Difference) -> None:
    print(
        f"{task.name}: INT8 - FP32 {difference.estimate:+.4f} "
        f"(95 % interval {difference.lower:+.4f} to {difference.upper:+.4f})",
        file=sys.stderr,
    )


def _write_files(network: Any, task: Task, folder: Path, *, integer: bool) -> None:
    versioned = folder / card.VERSION
    versioned.mkdir(parents=True, exist_ok=True)
    onnx, tflite = (versioned / FILE_NAMES[form] for form in card.FORMATS)
    export.to_onnx(network, task.input_shape, onnx, integer=integer)
    export.to_tflite(network, task.input_shape, tflite, integer=integer)


def _built(task: Task, module: str, arguments: Mapping[str, Any]) -> Any:
    outputs = max(1, len(task.findings))
    return networks.build(module, task.input_shape, outputs, arguments)


def _network(task: Task, source: Checkpoint) -> Any:
    network = _built(task, source.network, source.network_settings)
    network.load_state_dict(source.state)
    return network


def _network_title(source: Checkpoint) -> str:
    settings = ", ".join(f"{name} {_plain(v)}" for name, v in source.network_settings.items())
    return f"{source.network} ({settings})"


def _plain(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


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
