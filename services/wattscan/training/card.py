"""The model card: what a variant is, where it comes from, how good it is, what it is not for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wattscan.artifacts import CARD, FILE_NAMES, sha256
from wattscan.contracts import Difference, Format, Normalisation, Task

VERSION = "1"
"""The version's folder, as model servers lay out their repositories."""
LICENCE = "Apache-2.0"
_INTENDED_USE = "Energy and speed measurement, and tests of a deployment. Not for diagnosis: "
_TRAINED_ON = {
    "phantom": "trained on a synthetic phantom, never on patients' images.",
    "clinical": "trained on a public data set for research, and validated on nothing else.",
}
_METRIC_NOTES = {
    "dice": "per image at the source's size, smooth = 1, mask thresholded at 0.5, mean over images",
    "auc_roc": "of each finding over all images, mean over the findings",
}
FORMATS: tuple[Format, ...] = ("onnx", "tflite")
"""That every variant has."""


@dataclass(frozen=True)
class Scored:
    """One variant's score on the held-out set; `ptq` and `difference` as in `contracts.Quality`."""

    value: float
    ptq: float | None = None
    difference: Difference | None = None


@dataclass(frozen=True)
class Made:
    """What the export knows of one variant."""

    precision: str
    network: str
    normalisation: Normalisation
    score: Scored
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
        "quality": [_quality(task, made)],
        "files": [
            {
                "format": form,
                "path": f"{VERSION}/{FILE_NAMES[form]}",
                "sha256": sha256(folder / VERSION / FILE_NAMES[form]),
            }
            for form in FORMATS
        ],
        "intended_use": _INTENDED_USE + _TRAINED_ON[made.provenance["data"]["kind"]],
        "licence": LICENCE,
        **made.provenance,
    }
    path = folder / CARD
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return path


def _quality(task: Task, made: Made) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "metric": task.metric,
        "dataset": made.provenance["data"]["name"],
        "value": round(made.score.value, 6),
        "note": _METRIC_NOTES.get(task.metric, ""),
    }
    if made.score.ptq is not None:
        entry["ptq"] = round(made.score.ptq, 6)
    if made.score.difference is not None:
        figures = asdict(made.score.difference)
        entry["difference"] = {name: round(value, 6) for name, value in figures.items()}
    return entry
