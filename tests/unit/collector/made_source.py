"""A source of series in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from wattscan import metrics
from wattscan.collector.series import Last, Series


class Made:
    """A source of series in memory."""

    name, cut_short = "made up", False

    def __init__(self) -> None:
        self._series: dict[str, list[Series]] = {}

    def add(
        self, metric: metrics.Metric, labels: Mapping[str, str], times: object, values: object
    ) -> None:
        """One series; values may be one number for all times."""
        stamps = np.asarray(times, dtype=float)
        every = np.broadcast_to(np.asarray(values, dtype=float), stamps.shape).copy()
        self._series.setdefault(metric.name, []).append(Series(dict(labels), stamps, every))

    def select(
        self, metric: str, matchers: Mapping[str, str], start: float, end: float
    ) -> list[Series]:
        """As `Source.select`."""
        found = []
        for series in self._matching(metric, matchers):
            first, past = series.times.searchsorted(start), series.times.searchsorted(end, "right")
            if past > first:
                part = slice(first, past)
                found.append(Series(series.labels, series.times[part], series.values[part]))
        return found

    def last(
        self, metric: str, matchers: Mapping[str, str], start: float | None, end: float | None
    ) -> list[Last]:
        """As `Source.last`."""
        span = (start or -np.inf, np.inf if end is None else end)
        return [Last(s.labels, float(s.values[-1])) for s in self.select(metric, matchers, *span)]

    def _matching(self, metric: str, matchers: Mapping[str, str]) -> Iterator[Series]:
        for series in self._series.get(metric, []):
            if all(series.labels.get(name, "") == text for name, text in matchers.items()):
                yield series
