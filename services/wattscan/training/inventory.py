"""`wattscan models list`: what is in a model folder. Needs no training framework."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wattscan.artifacts import find_cards
from wattscan.contracts import ModelCard, ModelFile
from wattscan.engine_choice import Tuning, cheapest, tuned
from wattscan.training.tune import choice_told, cost_told

_HEADINGS = ("task", "precision", "format", "network", "size", "quality", "engine", "SHA-256")


def list_models(models: Path, *, as_json: bool) -> str:
    """The model files of a folder, as a table or as a JSON array of models.

    Raises:
        WattscanError: no models, or a card that cannot be read.
    """
    cards = find_cards(models)
    if as_json:
        return json.dumps([_record(card) for card in cards], indent=2)
    rows = [_HEADINGS, *(row for card in cards for row in _rows(card))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _record(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "task": card.task,
        "precision": card.precision,
        "version": card.version,
        "network": card.network,
        "engine": _record_of(_tuned(card)),
        "quality": [asdict(quality) for quality in card.quality],
        "files": [
            {"format": f.format, "path": str(f.path), "sha256": f.sha256, "bytes": _bytes(f.path)}
            for f in card.files
        ],
    }


def _rows(card: ModelCard) -> Iterator[tuple[str, ...]]:
    quality = ", ".join(f"{q.metric} {q.value:.4f} on {q.dataset}" for q in card.quality)
    engine = _engine(_tuned(card))
    for file in card.files:
        size, digest = _size(file), file.sha256[:12]
        yield (card.task, card.precision, file.format, card.network, size, quality, engine, digest)


def _tuned(card: ModelCard) -> Tuning | None:
    return tuned(card.files)


def _engine(found: Tuning | None) -> str:
    """What `models tune` found cheapest on this machine."""
    if found is None:
        return "not tuned"
    best = cheapest(found)
    costs = found.together if best.max_batch_size > 1 else found.alone
    return f"{choice_told(best)}: {cost_told(costs[best.backend])}, {found.date}"


def _record_of(found: Tuning | None) -> dict[str, Any] | None:
    return None if found is None else {**asdict(cheapest(found)), **asdict(found)}


def _bytes(path: Path) -> int | None:
    """The file's size; None where it is missing: absent is not empty."""
    return path.stat().st_size if path.is_file() else None


def _size(file: ModelFile) -> str:
    size = _bytes(file.path)
    return "missing" if size is None else f"{size / 1e6:.2f} MB"
