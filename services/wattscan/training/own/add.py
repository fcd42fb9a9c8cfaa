"""`wattscan models add`: a file of the user's own becomes a folder that `serve` finds."""

from __future__ import annotations

import datetime
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from wattscan.artifacts import CARD, sha256
from wattscan.contracts import MODEL_NAME, OWN, Quality, WattscanError, check_variant, split_name
from wattscan.picture_steps import Steps
from wattscan.training.own import data, engines, form
from wattscan.training.own.check import SAMPLES
from wattscan.training.own.imports import read_folder

_VERSION = "1"
PREPROCESS, CONFIG = "preprocess.py", "model.toml"
_UNSTATED = "not stated"
STATED = ("data", "split", "licence", "intended_use")
"""What a card says in words; `not stated` where nobody said it."""


@dataclass(frozen=True)
class ModelEntry:
    """`path`: the file; `name`: the model's; `variant`: empty for what the graph tells; `stated`:
    texts by the keys of `STATED`; `quality`: its score, where there is one; `samples`: a folder of
    inputs that go with it."""

    path: Path
    name: str
    variant: str = ""
    title: str = ""
    stated: Mapping[str, str] = field(default_factory=dict)
    quality: tuple[Quality, ...] = ()
    samples: Path | None = None
    steps: Steps | None = None
    """How a picture is prepared, where that is known."""
    labels: tuple[str, ...] = ()


def imported(folder: Path, entry: ModelEntry) -> ModelEntry:
    """The entry with what an exported folder says; what the user says comes first.

    Raises: WattscanError: as `imports.read_folder`.
    """
    found = read_folder(folder)
    stated = {**found.stated, **{key: text for key, text in entry.stated.items() if text}}
    title = entry.title or found.title
    return replace(
        entry, path=found.file, title=title, stated=stated, steps=found.steps, labels=found.labels
    )


def add(models: Path, entry: ModelEntry, over: bool = False) -> Path:
    """Put the file, its card and its sample inputs into the model folder; returns its own folder.

    Args:
        models: the model folder.
        entry: what is added.
        over: whether a model of that name may be written over.

    Raises:
        WattscanError: the file does not run in any engine here, its name cannot be a model's, there
            is one of that name, or the folder cannot be written to.
    """
    card = form.card_of(entry.name, entry.variant or form.datatype_in(entry.path), entry.path)
    check_variant(card.precision)
    if not MODEL_NAME.fullmatch(card.name) or split_name(card.name) != (entry.name, card.precision):
        raise WattscanError(
            f"{card.name!r} cannot be a model's name: give --name of letters, digits, '.', '_' and "
            "'-' that does not end in a data type, and --variant such as int8 or int8-mine"
        )
    specs = engines.inputs_of(card)
    if entry.samples is not None:  # what does not fit is told before anything is written
        data.read([entry.samples], entry.name, specs, 0)
    folder = models / card.name
    if folder.exists() and not over:
        raise WattscanError(
            f"there is a model {card.name} in {models}: choose another --name or --variant, or "
            "write it over with --replace"
        )
    try:
        models.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a service may look at any moment.
        with tempfile.TemporaryDirectory(prefix=".add-", dir=models) as made:
            _write(Path(made) / card.name, card.precision, entry, _tensors(specs))
            if folder.exists():
                folder.rename(Path(made) / "former")
            (Path(made) / card.name).rename(folder)
    except OSError as error:
        raise WattscanError(f"cannot write to {models}: {error.strerror}") from None
    return folder


def _write(folder: Path, variant: str, entry: ModelEntry, inputs: list[dict[str, Any]]) -> None:
    version = folder / _VERSION
    version.mkdir(parents=True)
    name = form.served_name(entry.path)
    shutil.copyfile(entry.path, version / name)
    for beside in form.weights_beside(entry.path):
        shutil.copyfile(entry.path.parent / beside, version / beside)
    if entry.steps is not None:
        (folder / PREPROCESS).write_text(_code(entry.steps), encoding="utf-8")
        title = json.dumps(entry.title or entry.name, ensure_ascii=True)
        (folder / CONFIG).write_text(f"title = {title}\n", encoding="utf-8")
    if entry.samples is not None:
        shutil.copytree(entry.samples, folder / SAMPLES)
    file = {
        "format": form.format_of(entry.path),
        "path": f"{_VERSION}/{name}",
        "sha256": sha256(version / name),
    }
    card = {
        "kind": OWN,
        "task": entry.name,
        "precision": variant,
        "version": _VERSION,
        "title": entry.title or entry.name,
        "network": entry.path.name,
        "datatype": form.datatype_in(entry.path),
        "inputs": inputs,
        **({"labels": list(entry.labels)} if entry.labels else {}),
        "quality": [_score(each) for each in entry.quality],
        "files": [file],
        **{key: entry.stated.get(key) or _UNSTATED for key in STATED},
        "added": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _code(steps: Steps) -> str:
    """The Python file that `bench --data` takes."""
    settings = ", ".join(f"{key}={value!r}" for key, value in asdict(steps).items())
    return (
        '"""How a picture is prepared for this model: from the metadata it was exported with."""'
        f"\n\nfrom wattscan.picture_steps import Steps\n\npreprocess = Steps({settings})\n"
    )


def _score(quality: Quality) -> dict[str, Any]:
    return {key: value for key, value in asdict(quality).items() if value is not None}


def _tensors(specs: Any) -> list[dict[str, Any]]:
    return [{"name": s.name, "dtype": s.dtype.name, "shape": list(s.shape)} for s in specs]
