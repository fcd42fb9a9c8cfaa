"""`--data`: what a model of the user's own is given, from a folder or a Python file, or drawn."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from wattscan.contracts import DRAWN_INPUTS, Array, TensorSpec, WattscanError
from wattscan.samples import TENSOR_FILES, Sample, drawn, fitted, loaded, picture
from wattscan.training.own import labels

MOST = 128
"""So many files of a folder are taken, chosen with the seed."""
_PYTHON = ".py"


@dataclass(frozen=True)
class Given:
    """What the models are given. `name` stands in tables; `paths` are the samples' files, none of
    drawn ones; `score` is the user's own, or None; `labels` are the samples', or empty."""

    name: str
    samples: Sequence[Sample]
    paths: Sequence[Path]
    score: Callable[[Mapping[str, Array], Path], float] | None = None
    labels: Sequence[labels.Label] = ()

    @property
    def is_drawn(self) -> bool:
        """Whether they are noise."""
        return not self.paths


def read(places: Sequence[Path], subject: str, inputs: Sequence[TensorSpec], seed: int) -> Given:
    """The samples.

    Args:
        places: a folder, a Python file, or both; without any the samples are drawn.
        subject: the model's name.
        inputs: what it takes.
        seed: of what is drawn, and of the choice where a folder has more than `MOST` files.

    Raises:
        WattscanError: a file cannot be read or does not fit, naming it.
    """
    if not places:
        return Given(f"{DRAWN_INPUTS}, seed {seed}", drawn(subject, inputs, seed), ())
    code = [place for place in places if place.suffix == _PYTHON]
    folders = [place for place in places if place.suffix != _PYTHON]
    if len(code) > 1 or len(folders) > 1:
        raise WattscanError("--data takes one folder, one Python file, or one of each")
    module = _module(code[0]) if code else None
    folder = folders[0] if folders else code[0].parent
    paths = _chosen(folder, seed)
    made = [_sample(path, subject, inputs, module) for path in paths]
    _check_shapes(folder, made)
    score = getattr(module, "score", None)
    name = folder.absolute().name or "data"
    return Given(name, made, paths, score, labels.read(module, paths))


def _chosen(folder: Path, seed: int) -> list[Path]:
    if not folder.is_dir():
        raise WattscanError(
            f"there is no folder at {folder}: --data takes a folder of .npy, .npz, image or DICOM "
            "files, or a Python file with preprocess(path)"
        )
    every = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix != _PYTHON and not path.name.startswith(".")
    )
    if not every:
        raise WattscanError(f"the folder {folder} has no file in it: --data needs one at least")
    # Sorted first, so that the choice is the seed's alone.
    random.Random(seed).shuffle(every)  # noqa: S311
    return every[:MOST]


def _sample(
    path: Path, subject: str, inputs: Sequence[TensorSpec], module: ModuleType | None
) -> Sample:
    if module is not None:
        return _preprocessed(path, inputs, module)
    if path.suffix.lower() in TENSOR_FILES:
        return loaded(path, inputs)
    try:
        return picture(path.read_bytes(), subject, inputs)
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
    except WattscanError as error:
        raise WattscanError(f"{path}: {error}") from None


def _preprocessed(path: Path, inputs: Sequence[TensorSpec], module: ModuleType) -> Sample:
    try:
        made = module.preprocess(path)
    except Exception as error:  # whatever the user's code does
        raise WattscanError(
            f"preprocess({path.name}) of {module.__file__} fails: {type(error).__name__}: {error}"
        ) from None
    arrays = made if isinstance(made, Mapping) else {inputs[0].name: made}
    missing = {each.name for each in inputs} - arrays.keys()
    if missing:
        raise WattscanError(
            f"preprocess({path.name}) gives no {', '.join(sorted(missing))}, which the model "
            "takes: return an array, or a dict with one for each input"
        )
    what = f"what preprocess({path.name}) gives"
    return {each.name: fitted(what, each, np.asarray(arrays[each.name])) for each in inputs}


def _module(path: Path) -> ModuleType:
    """The user's Python file, run. Raises: WattscanError."""
    spec = importlib.util.spec_from_file_location(f"wattscan_data_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise WattscanError(f"there is no Python file at {path}, which --data names")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code does
        raise WattscanError(f"{path} cannot be run: {type(error).__name__}: {error}") from None
    if not callable(getattr(module, "preprocess", None)):
        raise WattscanError(
            f"{path} has no function preprocess: write preprocess(path), which returns the model's "
            "input as an array, or a dict with one for each input"
        )
    return module


def _check_shapes(folder: Path, made: Sequence[Sample]) -> None:
    shapes: dict[str, set[Any]] = {}
    for sample in made:
        for name, array in sample.items():
            shapes.setdefault(name, set()).add(array.shape)
    for name, found in shapes.items():
        if len(found) > 1:
            raise WattscanError(
                f"{folder} gives {name} in {len(found)} shapes: bring all samples to one size"
            )
