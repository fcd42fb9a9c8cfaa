"""Verdicts from the best to the worst, and the reasons for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["valid", "indicative", "invalid"]
VERDICTS: tuple[Verdict, ...] = ("valid", "indicative", "invalid")
"""From the best to the worst."""


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of several verdicts; `valid` for none."""
    return max(verdicts, key=VERDICTS.index, default="valid")


@dataclass(frozen=True)
class Reason:
    """Why a cell is not `valid`: a stable code, what it makes of the cell, and a sentence."""

    code: str
    verdict: Verdict
    sentence: str
