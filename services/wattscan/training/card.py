"""The model card: what a variant is, where it comes from, how good it is, what it is not for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wattscan.artifacts import CARD, sha256
from wattscan.contracts import Format, Normalisation, Precision, Task

VERSION = "1"
"""The version's folder, as model servers lay out their repositories."""
LICENCE = "Apache-2.0"
INTENDED_USE = (
    "Energy and speed measurement, and tests of a deployment. Not for diagnosis: trained on a "
    "synthetic phantom, never on patients' images."
)
_METRIC_NOTES = {
    "dice": "per image at the source's size, smooth = 1, mask thresholded at 0.5, mean over images",
}
FILE_NAMES: dict[Format, str] = {"onnx": "model.onnx", "tflite": "model.tflite"}


@dataclass(frozen=True)
class Made:
    """What the export knows of one variant."""

    precision: Precision
    network: str
    normalisation: Normalisation
    score: float
    provenance: Mapping[str, Any]


def write(folder: Path, task: Task, made: Made) -> Path:
    """Write `card.json` beside the files already in `<folder>/1/`; returns its path.

    Raises:
        WattscanError: a file is missing.
    """
    data = {
        "task": task.name,
        "precision": made.precision,
        "version": VERSION,
        "network": made.network,
        "input_shape": list(task.input_shape),
        "normalisation": asdict(made.normalisation),
        "quality": [
            {
                "metric": task.metric,
                "dataset": task.phantom_dataset,
                "value": round(made.score, 6),
                "note": _METRIC_NOTES.get(task.metric, ""),
            }
        ],
        "files": [
            {
                "format": form,
                "path": f"{VERSION}/{name}",
                "sha256": sha256(folder / VERSION / name),
            }
            for form, name in FILE_NAMES.items()
        ],
        "intended_use": INTENDED_USE,
        "licence": LICENCE,
        **made.provenance,
    }
    path = folder / CARD
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return path
