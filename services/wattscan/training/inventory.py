"""`wattscan models list`: what is in a model folder. Needs no training framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wattscan.artifacts import find_cards
from wattscan.contracts import ModelCard


def list_models(models: Path, *, as_json: bool) -> str:
    """The models of a folder, as a table or as a JSON array. Raises: WattscanError."""
    cards = find_cards(models)
    if as_json:
        return json.dumps([_record(card) for card in cards], indent=2)
    rows = [("model", "version", "network", "quality", "files")]
    rows += [_row(card) for card in cards]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _record(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "task": card.task,
        "precision": card.precision,
        "version": card.version,
        "network": card.network,
        "quality": [vars(quality) for quality in card.quality],
        "files": [
            {"format": f.format, "path": str(f.path), "sha256": f.sha256, "bytes": _bytes(f.path)}
            for f in card.files
        ],
    }


def _row(card: ModelCard) -> tuple[str, str, str, str, str]:
    quality = ", ".join(f"{q.metric} {q.value:.4f} on {q.dataset}" for q in card.quality)
    files = ", ".join(f"{f.format} {_size(f.path)}" for f in card.files)
    return card.name, card.version, card.network, quality, files


def _bytes(path: Path) -> int | None:
    """The file's size; None where it is missing: absent is not empty."""
    return path.stat().st_size if path.is_file() else None


def _size(path: Path) -> str:
    size = _bytes(path)
    return "missing" if size is None else f"{size / 1e6:.2f} MB"
