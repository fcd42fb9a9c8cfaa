"""What passes from one stage to the next: `<work>/<task>/<precision>.pt`."""

from __future__ import annotations

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
    torch.save({**fields, "normalisation": asdict(checkpoint.normalisation)}, path)
    return path


def progress_file(work: Path, task_name: str, stage: Stage) -> Path:
    """Where the stage keeps what it needs to go on after an interruption."""
    return work / task_name / f"{stage}.progress"


def load(work: Path, task_name: str, stage: Stage) -> Checkpoint:
    """Read it back. Raises: WattscanError, naming the command that makes it."""
    path = work / task_name / f"{stage}.pt"
    if not path.is_file():
        command = "train" if stage == "fp32" else "quantize"
        raise WattscanError(
            f"there is no {path}; `wattscan models {command} --task {task_name}` makes it"
        )
    # weights_only: tensors and plain values, no code.
    fields = torch.load(path, weights_only=True)
    return Checkpoint(**{**fields, "normalisation": Normalisation(**fields["normalisation"])})
