"""What passes from one stage to the next: `<work>/<task>/<precision>.pt`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from wattscan.contracts import Normalisation, WattscanError

Stage = Literal["fp32", "ptq", "int8"]
"""Trained; calibrated alone; trained with rounding."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights, and how they came to be."""

    state: Mapping[str, Any]
    """The network's `state_dict`: unfolded for fp32, of the prepared graph for the others."""
    network: str
    network_settings: Mapping[str, Any]
    normalisation: Normalisation
    provenance: Mapping[str, Any]
    """Seeds, counts, epochs, command, date: plain values, for the card."""


def save(work: Path, task_name: str, stage: Stage, checkpoint: Checkpoint) -> Path:
    """Write the checkpoint; returns where."""
    path = work / task_name / f"{stage}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {name: getattr(checkpoint, name) for name in checkpoint.__dataclass_fields__}
    # Written aside and renamed: a kill in between leaves the one before.
    part = path.with_suffix(f".{os.getpid()}.part")
    normalisation = asdict(checkpoint.normalisation)
    torch.save({**fields, "task": task_name, "normalisation": normalisation}, part)
    part.replace(path)
    return path


def discard(work: Path, task_name: str, stage: Stage) -> None:
    """Remove it, where it is about to be made anew from something else."""
    (work / task_name / f"{stage}.pt").unlink(missing_ok=True)


def progress_file(work: Path, task_name: str, stage: Stage) -> Path:
    """Where the stage keeps what it needs to go on after an interruption."""
    return work / task_name / f"{stage}.progress"


def load(work: Path, task_name: str, stage: Stage) -> Checkpoint:
    """Read it back.

    Raises:
        WattscanError: it is not there (naming the command that makes it), damaged, or another
            task's.
    """
    path = work / task_name / f"{stage}.pt"
    if not path.is_file():
        command = "train" if stage == "fp32" else "quantize"
        raise WattscanError(
            f"there is no {path}; `wattscan models {command} --task {task_name}` makes it"
        )
    try:
        # weights_only: tensors and plain values, no code.
        fields = torch.load(path, weights_only=True)
        task = fields.pop("task", task_name)
        fields["normalisation"] = Normalisation(**fields["normalisation"])
        found = Checkpoint(**fields)
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise WattscanError(f"{path} is damaged ({type(error).__name__}): make it again") from None
    if task != task_name:
        raise WattscanError(f"{path} is of {task}, not of {task_name}")
    return found


def check_descent(fp32: Checkpoint, other: Checkpoint, task_name: str) -> None:
    """Raise WattscanError unless `other` was made from this very FP32 network."""
    same = all(fp32.provenance[key] == other.provenance[key] for key in ("seed", "data", "fit"))
    if not same or fp32.network_settings != other.network_settings:
        raise WattscanError(
            f"the quantized {task_name} was not made from the fp32.pt that is there now: run "
            f"`wattscan models quantize --task {task_name}` again"
        )
