"""Which of the generator's pages tell the offset of the two clocks in a window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattscan.collector.series import FloatArray
from wattscan.collector.windows import Window
from wattscan.profiles import COOLDOWN

# Scrapes may be a minute apart; pages that are further apart are not of one part of a run.
SEARCH_SECONDS = 90.0
LEAST_PAGES, _NEIGHBOURS = 4, 2


def smallest_of_neighbours(values: FloatArray, cuts: NDArray[np.intp]) -> FloatArray:
    """Of each five; where the series is cut, none counts from beyond."""
    ends = (np.inf,) * _NEIGHBOURS
    found = []
    for part in np.split(values, cuts):
        padded = np.concatenate([ends, part, ends])
        five = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
        found.append(five.min(axis=1))
    return np.concatenate(found)


def pages_of(values: FloatArray, window: Window) -> NDArray[np.bool_]:
    """Which pages were made in a window up to its cooldown, or are next to it; none where they do
    not reach over each of its edges."""
    phases = [phase for name, phase in window.phases.items() if name != COOLDOWN]
    edges = [moment for p in phases for moment in (p.start, p.end) if moment is not None]
    if not edges:
        return np.ones(values.shape, dtype=bool)
    start, end = min(edges), max(edges)
    near = all(np.abs(values - moment).min() <= SEARCH_SECONDS for moment in edges)
    # With so many to either side: the smallest of five shows a step only behind it.
    first = np.sort(values[values <= start])[-1 - _NEIGHBOURS :].min(initial=start)
    last = np.sort(values[values >= end])[: 1 + _NEIGHBOURS].max(initial=end)
    within: NDArray[np.bool_] = (
        (values >= max(first, start - SEARCH_SECONDS))
        & (values <= min(last, end + SEARCH_SECONDS))
        & near
    )
    return within
