"""Raw samples, and the one interface through which the collector reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import WattscanError
from wattscan.settings import MOST
from wattscan.units import Seconds

FloatArray: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = Mapping[str, str]

EARLIEST = 946_684_800.0
"""2000-01-01, Unix seconds: no run is older. VictoriaMetrics 1.79 gives nothing for a range that
reaches back to 1970."""
LATEST = 4_102_444_800.0
"""2100-01-01, Unix seconds: a time after it is not in seconds."""


@dataclass(frozen=True, eq=False)
class Series:
    """The raw samples of one series.

    `labels` are without `__name__`; `times` are Unix seconds, float64 (N,), strictly growing;
    `values` are float64 (N,), finite, in the metric's own unit. Sources make them with `present`.
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

    def median_spacing(self) -> Seconds:
        """The usual time between two samples; 0 for fewer than two."""
        return Seconds(float(np.median(np.diff(self.times))) if self.times.size > 1 else 0.0)


def present(labels: Labels, times: FloatArray, values: FloatArray) -> Series:
    """A series of the samples that are there.

    NaN, infinities, Prometheus's staleness markers (a NaN too) and numbers beyond `MOST` are
    readings that failed: they are missing samples. Of two samples with one time, the first stays.

    Args:
        labels: without `__name__`.
        times: float64 (N,), Unix seconds, in any order.
        values: float64 (N,).
    """
    kept = np.abs(values) <= MOST
    times, first = np.unique(times[kept], return_index=True)
    return Series(labels, times, values[kept][first])


@dataclass(frozen=True)
class Last:
    """The last value of one series that `present` keeps."""

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

        A series without a sample there is left out.

        Raises:
            WattscanError: the source cannot be read.
        """
        ...

    def last(
        self, metric: str, matchers: Mapping[str, str], start: float | None, end: float | None
    ) -> list[Last]:
        """The last value of each series from `start` to `end`.

        Without a `start` it is looked for further and further back, and where nothing older can
        add to what was found, the search ends. Without an `end` it is looked for until now.

        Raises:
            WattscanError: the source cannot be read.
        """
        ...


def label(labels: Labels, name: str) -> str:
    """A label that the metric contract promises. Raises: WattscanError where it is not there.

    A model whose name tells no variant has an empty `precision`, which Prometheus leaves out.
    """
    if name == "precision":
        return labels.get(name, "")
    if name not in labels:
        raise WattscanError(f"a series lacks its label {name!r}: {dict(labels)}")
    return labels[name]


def key(labels: Labels) -> tuple[tuple[str, str], ...]:
    """What orders series: their labels, by name."""
    return tuple(sorted(labels.items()))
