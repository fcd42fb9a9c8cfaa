"""The models in the repository, for tests of each."""

from __future__ import annotations

from typing import Any

import pytest

from wattscan.artifacts import find_cards
from wattscan.installation import models_folder

CARDS = find_cards(models_folder())
WEIGHED: list[Any] = [
    pytest.param(card, marks=pytest.mark.slow) if card.name == "brain-mri-fp32" else card
    for card in CARDS
]
"""The cards; the tests of the one that takes half of the time are slow ones."""
