"""Folders in which others export their models: what their metadata say, or what they lack.

Read: a MONAI bundle (`configs/metadata.json`), a Hugging Face export (`preprocessor_config.json`
beside `config.json`), and a timm export (`config.json` with `pretrained_cfg`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wattscan.contracts import WattscanError
from wattscan.picture_steps import Steps

_PLACES = ("model.onnx", "onnx/model.onnx", "models/model.onnx", "model.tflite")
_PLANE = 2
_WINDOWED = ("SlidingWindow", "sliding_window")


@dataclass(frozen=True)
class Imported:
    """A model file with what its folder says: how a picture is prepared for it, what its outputs
    are called, and texts of the card."""

    file: Path
    origin: str
    steps: Steps
    title: str = ""
    labels: tuple[str, ...] = ()
    stated: Mapping[str, str] = field(default_factory=dict)


def read_folder(folder: Path) -> Imported:
    """What is in the folder.

    Raises:
        WattscanError: it is of no known layout, or lacks something, or is of a kind that is not
            served yet; a sentence says which, and what to do.
    """
    metadata = folder / "configs" / "metadata.json"
    if metadata.is_file():
        return _monai(folder, _read(metadata))
    config = folder / "config.json"
    if not config.is_file():
        raise WattscanError(
            f"{folder} is no folder that is known: a MONAI bundle has configs/metadata.json, an "
            "export of Hugging Face or timm has config.json. Add the model file itself, and write "
            "preprocess(path) for it (docs/own-models.md)"
        )
    told = _read(config)
    if "pretrained_cfg" in told:
        return _timm(folder, told)
    preprocessor = folder / "preprocessor_config.json"
    if not preprocessor.is_file():
        raise WattscanError(
            f"{folder} has no preprocessor_config.json: size, scale and normalisation of its input "
            "are not known; save the image processor beside the model (save_pretrained)"
        )
    return _hugging_face(folder, told, _read(preprocessor))


def _monai(folder: Path, told: Mapping[str, Any]) -> Imported:
    for path in sorted((folder / "configs").glob("*")):
        if path.is_file() and any(
            word in path.read_text("utf-8", errors="replace") for word in _WINDOWED
        ):
            raise WattscanError(
                f"{folder} computes in sliding windows ({path.name}), which is not served yet: "
                "export the network for one window and prepare windows yourself"
            )
    formats = _table(folder, told, "network_data_format")
    inputs, outputs = (_table(folder, formats, key) for key in ("inputs", "outputs"))
    image = _first(inputs)
    shape = image.get("spatial_shape") or []
    if len(shape) > _PLANE:
        raise WattscanError(
            f"{folder} takes volumes, {shape}: 3D networks are not served yet, only 2D ones"
        )
    if len(shape) < _PLANE or not all(isinstance(size, int) and size > 0 for size in shape):
        raise WattscanError(
            f"{folder} does not say which size its input has: write spatial_shape as two whole "
            "numbers in configs/metadata.json"
        )
    if list(image.get("value_range") or []) != [0, 1]:
        raise WattscanError(
            f"{folder} does not say how its values are scaled: value_range in metadata.json is "
            f"{image.get('value_range')}, and only [0, 1] is known; write preprocess(path)"
        )
    channels = _channels(folder, image.get("num_channels"))
    named = _first(outputs).get("channel_def") or {}
    stated = {"data": told.get("data_source"), "intended_use": told.get("intended_use")}
    return Imported(
        file=_file(folder),
        origin="MONAI bundle",
        steps=Steps(channels, shape[0], shape[1], scale="range"),
        title=str(told.get("name") or told.get("task") or ""),
        labels=tuple(str(label) for label in named.values()),
        stated={key: str(text) for key, text in stated.items() if text},
    )


def _hugging_face(folder: Path, told: Mapping[str, Any], prepared: Mapping[str, Any]) -> Imported:
    size = prepared.get("crop_size") if prepared.get("do_center_crop") else None
    height, width = _size(folder, size or prepared.get("size"))
    shortest = 0
    if prepared.get("do_center_crop"):
        edge = prepared.get("size")
        shortest = edge.get("shortest_edge", 0) if isinstance(edge, dict) else int(edge or 0)
    channels = _channels(folder, told.get("num_channels", 3))
    steps = Steps(channels, height, width, shortest=shortest)
    if prepared.get("do_normalize", True):
        steps = _normalised(folder, steps, prepared.get("image_mean"), prepared.get("image_std"))
    named = told.get("id2label") or {}
    order = sorted(named, key=int)
    return Imported(
        file=_file(folder),
        origin="Hugging Face export",
        steps=steps,
        title=str(told.get("_name_or_path") or told.get("model_type") or ""),
        labels=tuple(str(named[key]) for key in order),
        stated={"licence": str(told["license"])} if told.get("license") else {},
    )


def _timm(folder: Path, told: Mapping[str, Any]) -> Imported:
    made = _table(folder, told, "pretrained_cfg")
    size = made.get("input_size")
    if not isinstance(size, list) or len(size) != _PLANE + 1:
        raise WattscanError(
            f"{folder} does not say which size its input has: input_size in config.json must be "
            "[channels, height, width]"
        )
    channels, height, width = size
    part = float(made.get("crop_pct") or 1.0)
    shortest = round(height / part) if part < 1 else 0
    steps = Steps(_channels(folder, channels), height, width, shortest=shortest)
    return Imported(
        file=_file(folder),
        origin="timm export",
        steps=_normalised(folder, steps, made.get("mean"), made.get("std")),
        title=str(told.get("architecture") or ""),
        labels=tuple(map(str, told.get("label_names") or made.get("label_names") or ())),
        stated={"licence": str(made["license"])} if made.get("license") else {},
    )


def _normalised(folder: Path, steps: Steps, mean: Any, std: Any) -> Steps:
    """Raises: WattscanError: one is missing, or has another number of channels."""
    for name, values in (("mean", mean), ("std", std)):
        if not isinstance(values, list) or len(values) != steps.channels:
            raise WattscanError(
                f"{folder} does not say how its input is normalised: its {name} is {values}, and "
                f"the network has {steps.channels} channel(s)"
            )
    return replace(steps, mean=tuple(map(float, mean)), std=tuple(map(float, std)))


def _size(folder: Path, size: Any) -> tuple[int, int]:
    if isinstance(size, int) and size > 0:
        return size, size
    if isinstance(size, dict):
        edge = size.get("shortest_edge")
        height, width = size.get("height", edge), size.get("width", edge)
        if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0:
            return height, width
    raise WattscanError(
        f"{folder} does not say which size its input has: size in preprocessor_config.json is "
        f"{size}, and must be a height and a width"
    )


def _channels(folder: Path, channels: Any) -> int:
    if channels in (1, 3):
        return int(channels)
    raise WattscanError(
        f"{folder} takes {channels} channels, which no picture has: write preprocess(path) for it"
    )


def _file(folder: Path) -> Path:
    for place in _PLACES:
        if (folder / place).is_file():
            return folder / place
    raise WattscanError(
        f"{folder} has no model file ({', '.join(_PLACES)}): export the network to ONNX into it"
    )


def _first(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first of the tensors that it describes."""
    first: Mapping[str, Any] = next(iter(table.values()))
    return first if isinstance(first, dict) else {}


def _table(folder: Path, told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = told.get(key)
    if not isinstance(table, dict) or not table:
        raise WattscanError(f"the metadata of {folder} have no {key}")
    return table


def _read(path: Path) -> Mapping[str, Any]:
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise WattscanError(f"{path} is no JSON: export the folder again") from None
    if not isinstance(told, dict):
        raise WattscanError(f"{path} is no JSON object: export the folder again")
    return told
