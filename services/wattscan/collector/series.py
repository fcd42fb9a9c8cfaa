"""Raw samples, and the one interface through which the collector reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import WattscanError
from wattscan.units import Seconds

FloatArray: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Series:
    """The raw samples of one series.

    `labels` are without `__name__`; `times` are Unix seconds, float64 (N,), strictly growing;
    `values` are float64 (N,), in the metric's own unit.
    """

    labels: Labels
    times: FloatArray
    values: FloatArray

    def between(self, start: float, end: float) -> FloatArray:
        """The values from `start` to `end`, both included (Unix seconds)."""
        first, past = self.times.searchsorted(start, "left"), self.times.searchsorted(end, "right")
        return self.values[first:past]

    def last_at(self, moment: float, since: float) -> float | None:
        """The last value at or before `moment`, but not from before `since` (Unix seconds)."""
        index = int(self.times.searchsorted(moment, "right")) - 1
        if index < 0 or self.times[index] < since:
            return None
        return float(self.values[index])

    def finite(self) -> Series:
        """Without the samples that are not a number: a reading that failed is absent."""
        kept = np.isfinite(self.values)
        if kept.all():
            return self
        return Series(self.labels, self.times[kept], self.values[kept])

    def median_spacing(self) -> Seconds:
        """The usual time between two samples; 0 for fewer than two."""
        return Seconds(float(np.median(np.diff(self.times))) if self.times.size > 1 else 0.0)


@dataclass(frozen=True)
class Last:
    """The last value of one series."""

    labels: Labels
    value: float


class Source(Protocol):
    """Where series come from. All times are Unix seconds, all matchers are equalities."""

    @property
    def name(self) -> str:
        """What the reader gave: an address or a path."""
        ...

    @property
    def cut_short(self) -> bool:
        """Whether the source itself tells that it ends before the run does."""
        ...

    def select(
        self, metric: str, matchers: Mapping[str, str], start: float, end: float
    ) -> list[Series]:
        """Every raw sample from `start` to `end`, both included, series in the order of `key`.

        Raises:
            WattscanError: the source cannot be read.
        """
        ...

    def last(
        self, metric: str, matchers: Mapping[str, str], start: float | None, end: float | None
    ) -> list[Last]:
        """The last value of each series from `start` to `end`; of any age where they are None.

        Raises:
            WattscanError: the source cannot be read.
        """
        ...


def label(labels: Labels, name: str) -> str:
    """A label that the metric contract promises. Raises: WattscanError where it is not there."""
    if name not in labels:
        raise WattscanError(f"a series lacks its label {name!r}: {dict(labels)}")
    return labels[name]


def key(labels: Labels) -> tuple[tuple[str, str], ...]:
    """What orders series: their labels, by name."""
    return tuple(sorted(labels.items()))
