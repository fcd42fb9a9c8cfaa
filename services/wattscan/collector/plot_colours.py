"""The colours of a plot: one for each variant."""

from __future__ import annotations

from wattscan.collector.measured import Measured
from wattscan.collector.svg import REFERENCE, VARIANTS


def colour_number(measured: Measured, variant: str) -> int:
    """0 for the reference, then 1 to 4 for the others in their order, and again from 1."""
    if variant == measured.reference:
        return 0
    return measured.compared.index(variant) % len(VARIANTS) + 1


def colour_of(measured: Measured, variant: str) -> str:
    """The colour of a variant."""
    return (REFERENCE, *VARIANTS)[colour_number(measured, variant)]
