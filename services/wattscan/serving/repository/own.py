"""The card of a model that is the user's own, and of no clinical task."""

from __future__ import annotations

from wattscan.artifacts import load_card
from wattscan.contracts import ModelFile, Quality
from wattscan.serving.repository.folder import VersionFolder


def own_scores(version: VersionFolder, file: ModelFile) -> tuple[Quality, ...]:
    """What the card of a model of the user's own says of this file. Raises: WattscanError."""
    if version.card is None:
        return ()
    card = load_card(version.card)
    return card.quality if file.sha256 in {each.sha256 for each in card.files} else ()
