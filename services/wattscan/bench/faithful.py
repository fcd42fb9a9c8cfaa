"""Before a run: does the engine that is to be measured answer as the model's file says?

ONNX Runtime's CPU provider is the reference. An engine that answers otherwise has joules of
something else. What has been compared is kept, by the files and the versions of both engines.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.artifacts import find_cards, model_file
from wattscan.contracts import EngineAbsent, ModelCard, Target, Tensor, WattscanError
from wattscan.training.agreement import compared

REFERENCE = "onnxruntime"
_IMAGES, _SEED = 4, 31


def check_engines(
    models: Path, tasks: Iterable[str], target: Target, say: Callable[[str], None]
) -> list[str]:
    """Compare the target's engine with the reference, on a few phantom images of each task.

    Args:
        models: the model folder.
        tasks: whose variants are compared.
        target: whose backend, with its settings.
        say: is told what is done, where it takes time.

    Returns:
        What could not be compared, a sentence each.

    Raises:
        WattscanError: an engine answers otherwise, beyond `training.agreement`'s tolerance.
    """
    kept = _read()
    wanted = [card for card in find_cards(models) if card.task in set(tasks)]
    asked = {card.name: _key(card, target) for card in wanted}
    new = [card for card in wanted if asked[card.name] and asked[card.name] not in kept]
    if not new:
        return []
    if not plugins.engine_version(REFERENCE):
        return [
            f"not compared: whether {target.backend} answers as the models' files say is not "
            "known, since ONNX Runtime is not installed (pip install 'wattscan[onnxruntime]')"
        ]
    say(f"Comparing {target.backend} with ONNX Runtime, once for each model ...")
    for card in new:
        note = _compare(card, target)
        if note is not None:
            kept[asked[card.name]] = note
    _write(kept)
    say(f"{target.backend} answers as ONNX Runtime does with {len(new)} model(s)")
    return []


def _compare(card: ModelCard, target: Target) -> str | None:
    """What was seen; None where the engine cannot be opened: the service will say why."""
    task = plugins.task(card.task)
    images = np.stack(
        [
            task.preprocess(image, card.normalisation)
            for image in task.phantom(_IMAGES, seed=_SEED).images
        ]
    )
    try:
        found = _logits(card, target.backend, target.backend_settings, images)
    except EngineAbsent:
        return None
    reference = _logits(card, REFERENCE, {"threads": 1, "provider": "cpu"}, images)
    agree, note = compared(task, card.precision, reference, found)
    if not agree:
        raise WattscanError(
            f"{target.backend} answers otherwise with {card.name} than ONNX Runtime's CPU provider "
            f"does ({note}): its joules would be of another model. Name another backend in the "
            "target's TOML"
        )
    return note


def _logits(card: ModelCard, backend: str, settings: Mapping[str, Any], images: Tensor) -> Tensor:
    path = model_file(card, plugins.backend(backend).FORMAT).path
    with contextlib.closing(plugins.backend(backend).open_engine(path, settings)) as engine:
        # One image at a time: an engine may be built for a batch of one.
        return np.concatenate([engine.infer(image[np.newaxis]) for image in images])


def _key(card: ModelCard, target: Target) -> str:
    """What a comparison is of; "" where the engine is the reference."""
    settings = {k: v for k, v in target.backend_settings.items() if k != "threads"}
    if target.backend == REFERENCE and settings.get("provider", "cpu") == "cpu":
        return ""
    files = {file.format: file.sha256 for file in card.files}
    engines = [f"{name} {plugins.engine_version(name)}" for name in (target.backend, REFERENCE)]
    return json.dumps([files, engines, settings], sort_keys=True, default=str)


def _path() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "wattscan" / "compared.json"


def _read() -> dict[str, str]:
    try:
        kept = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # none yet, or of no use
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(kept: Mapping[str, str]) -> None:
    # Without it, the next run compares again.
    with contextlib.suppress(OSError, RuntimeError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}")
        made.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        made.replace(path)
