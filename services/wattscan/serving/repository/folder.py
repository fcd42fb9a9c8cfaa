"""What lies in the model repository: `DIR/<model>/<version>/model.onnx` or `model.tflite`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from wattscan.artifacts import CARD, FILE_NAMES, is_own
from wattscan.contracts import MODEL_NAME, Format, WattscanError
from wattscan.serving.file_stamp import FileStamp, stamp
from wattscan.serving.repository.config import CONFIG

_VERSION = re.compile(r"[1-9][0-9]{0,17}")

LAYOUT = (
    "models lie at <model>/<version>/; a name has ASCII letters and digits, '.', '_' and '-' "
    "(128 at most, a letter or digit first), and a version is 1, 2, ..."
)

Stamp: TypeAlias = tuple[FileStamp, ...]
"""Of every file: another stamp is another version."""


@dataclass(frozen=True)
class VersionFolder:
    """One numbered version. `card` is its model card, if it has one."""

    number: int
    files: Mapping[Format, Path]
    card: Path | None
    stamp: Stamp


@dataclass(frozen=True)
class ModelFolder:
    """One model. `clinical`: its versions have cards, and belong to a clinical task."""

    name: str
    path: Path
    clinical: bool
    versions: Mapping[int, VersionFolder] = field(default_factory=dict)
    stamp: Stamp = ()


def find_models(repository: Path) -> list[ModelFolder]:
    """Every model in the repository, by name. A folder without a version is none.

    Raises:
        WattscanError: there is no such folder, it cannot be read, or it has no model in it.
    """
    if not repository.is_dir():
        raise WattscanError(f"there is no model folder at {repository}; give one with --models DIR")
    try:
        found = [
            _model(path) for path in sorted(repository.iterdir()) if MODEL_NAME.fullmatch(path.name)
        ]
    except OSError as error:
        raise WattscanError(f"{error.filename} cannot be read: {error.strerror}") from None
    models = [model for model in found if model.versions]
    if not models:
        raise WattscanError(
            f"the model folder {repository} holds no model (model.onnx or model.tflite): {LAYOUT}; "
            "is it a level too high or too deep?"
        )
    return models


def misplaced(repository: Path) -> list[Path]:
    """Model files that are not in a numbered version's folder of a model with a name that a model
    can have."""
    # No deeper than a level below where they belong: it is looked at again and again.
    patterns = [
        "/".join(["*"] * depth + [name]) for depth in range(4) for name in FILE_NAMES.values()
    ]
    try:
        files = [file for pattern in patterns for file in repository.glob(pattern)]
    except OSError:
        return []  # it changes meanwhile; the next look tells
    depth = len(repository.parts) + 3
    return [file for file in files if len(file.parts) != depth or not _is_named(file)]


def _is_named(file: Path) -> bool:
    version, model = file.parent, file.parent.parent
    return bool(_VERSION.fullmatch(version.name) and MODEL_NAME.fullmatch(model.name))


def _model(path: Path) -> ModelFolder:
    if not path.is_dir():
        return ModelFolder(path.name, path, clinical=False)
    numbers = sorted(
        (int(entry.name), entry)
        for entry in path.iterdir()
        if _VERSION.fullmatch(entry.name) and entry.is_dir()
    )
    versions = {number: _version(number, entry) for number, entry in numbers}
    cards = {path / CARD, *(version.card for version in versions.values())}
    clinical = any(card and card.is_file() and not is_own(card) for card in cards)
    own = [file for file in (path / CARD, path / CONFIG) if file.is_file()]
    return ModelFolder(path.name, path, clinical, versions, _stamp(own))


def _version(number: int, folder: Path) -> VersionFolder:
    files: dict[Format, Path] = {}
    for kind, name in FILE_NAMES.items():
        if (folder / name).is_file():
            files[kind] = folder / name
    own, shared = folder / CARD, folder.parent / CARD
    card = own if own.is_file() else shared if shared.is_file() else None
    present = [file for file in sorted(folder.iterdir()) if file.is_file()]
    return VersionFolder(number, files, card, _stamp(present))


def _stamp(files: list[Path]) -> Stamp:
    return tuple(stamp(file) for file in files)
