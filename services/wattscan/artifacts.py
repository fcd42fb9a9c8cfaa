"""Models on disk: `<models>/<task>-<precision>/card.json` and the files that the card names."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wattscan.contracts import (
    DATATYPES,
    OWN,
    Difference,
    Format,
    ModelCard,
    ModelFile,
    Normalisation,
    Quality,
    WattscanError,
    check_variant,
)

CARD = "card.json"
SYMMETRIC: Format = "onnx-symmetric"
"""An INT8 ONNX file as TensorRT takes it (`training.symmetric`); not every model has one."""
FILE_NAMES: Mapping[Format, str] = {
    "onnx": "model.onnx",
    SYMMETRIC: "model.symmetric.onnx",
    "tflite": "model.tflite",
}


def find_cards(models: Path) -> list[ModelCard]:
    """Every model variant in the folder, sorted by name.

    Raises:
        WattscanError: no such folder, no model in it, or a card that cannot be read.
    """
    if not models.is_dir():
        raise WattscanError(
            f"there is no model folder at {models}; give one with --models DIR, or install the "
            "wheel of the shipped models, wattscan_models-*.whl, which `make wheel` builds"
        )
    cards = [load_card(path) for path in sorted(models.glob(f"*/{CARD}"))]
    if not cards:
        raise WattscanError(
            f"the model folder {models} holds no */{CARD}; `make models` builds them"
        )
    return cards


def load_card(path: Path) -> ModelCard:
    """Read one card. Raises: WattscanError, naming the file and what is wrong with it."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return _card(data, path.parent)
    except WattscanError as error:
        raise WattscanError(f"the model card {path} cannot be read: {error}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WattscanError(
            f"the model card {path} cannot be read: {type(error).__name__}: {error}"
        ) from None


def is_own(path: Path) -> bool:
    """Whether a card describes a model of the user's own; one that cannot be read does not."""
    try:
        told = path.stat()
        return _is_own(path, told.st_mtime_ns, told.st_size)
    except OSError:
        return False


@functools.lru_cache(maxsize=1024)
def _is_own(path: Path, *_stamp: int) -> bool:
    """Asked again and again by a service, of files that seldom change. Raises: OSError."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.get("kind") == OWN


def model_file(card: ModelCard, wanted: Format) -> ModelFile:
    """The card's file of that format, its digest checked.

    Raises:
        WattscanError: there is none, it is missing, or it is not the file that was scored.
    """
    for file in card.files:
        if file.format == wanted:
            digest = sha256(file.path)
            if digest != file.sha256:
                raise WattscanError(
                    f"{file.path} is not the file that {card.name}'s card describes "
                    f"(SHA-256 {digest[:12]}, the card says {file.sha256[:12]}): "
                    "restore it, or rebuild it with `wattscan models export`"
                )
            return file
    raise WattscanError(f"{card.name} has no {wanted} file")


def sha256(path: Path) -> str:
    """The file's SHA-256, hex. Raises: WattscanError."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WattscanError(f"the model file {path} cannot be read: {error.strerror}") from None


def _card(data: Mapping[str, Any], folder: Path) -> ModelCard:
    precision = check_variant(data["precision"])
    if data.get("datatype", DATATYPES[0]) not in DATATYPES:
        raise ValueError(f"datatype is {data['datatype']!r}, not one of {', '.join(DATATYPES)}")
    return ModelCard(
        task=str(data["task"]),
        precision=precision,
        version=str(data["version"]),
        network=str(data["network"]),
        normalisation=Normalisation(0.0, 1.0)
        if data.get("kind") == OWN
        else _normalisation(data["normalisation"]),
        quality=tuple(_quality(entry) for entry in data["quality"]),
        files=tuple(_file(entry, folder) for entry in data["files"]),
        details=data,
    )


def _normalisation(entry: Mapping[str, Any]) -> Normalisation:
    mean, std = float(entry["mean"]), float(entry["std"])
    if not math.isfinite(mean) or not 0 < std < math.inf:
        raise ValueError(f"the normalisation is mean {mean:g}, std {std:g}")
    return Normalisation(mean, std)


def _quality(entry: Mapping[str, Any]) -> Quality:
    ptq = entry.get("ptq")
    return Quality(
        metric=str(entry["metric"]),
        dataset=str(entry["dataset"]),
        value=_ratio(entry["value"]),
        ptq=None if ptq is None else _ratio(ptq),
        difference=_difference(entry["difference"]) if "difference" in entry else None,
    )


def _difference(entry: Mapping[str, Any]) -> Difference:
    return Difference(*(_ratio(entry[name], -1) for name in ("estimate", "lower", "upper")))


def _ratio(entry: Any, lowest: float = 0) -> float:
    value = float(entry)
    if not lowest <= value <= 1:
        raise ValueError(f"a quality is {value:g}, not between {lowest:g} and 1")
    return value


def _file(entry: Mapping[str, Any], folder: Path) -> ModelFile:
    path = Path(str(entry["path"]))
    if path.is_absolute() or ".." in path.parts or "\0" in str(path):
        raise ValueError("a file's path leads out of the model's folder")
    return ModelFile(entry["format"], folder / path, str(entry["sha256"]))
