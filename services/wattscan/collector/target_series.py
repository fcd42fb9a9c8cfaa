"""The series of a run's target, each of the metric contract's once.

Whoever scrapes and stores adds labels: a job, a cluster, a replica of Prometheus. Series that are
equal in the contract's own labels are of one thing: those that follow one another are joined, of
those that tell the same at the same time one is read, and those that differ are a contradiction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wattscan import metrics
from wattscan.collector.clocks import scrape_durations
from wattscan.collector.series import Labels, Series, Source, key
from wattscan.collector.windows import Run
from wattscan.units import Seconds


class TargetSeries:
    """Reads the series of a run's target. `conflicts` says which of them contradict each other."""

    def __init__(self, source: Source, run: Run, recorder: Labels) -> None:
        """`recorder`: the labels that whoever recorded the clocks has added. Of several recorders,
        whose clocks may differ, the one whose labels are most like these is read."""
        self._source = source
        self._run = run
        self._recorder = recorder
        self._conflicts: dict[str, str] = {}

    @property
    def conflicts(self) -> tuple[str, ...]:
        """A sentence's end for each metric that is told in several ways, among those read."""
        return tuple(self._conflicts.values())

    def select(self, metric: metrics.Metric, **labels: str) -> list[Series]:
        """The series of a metric in the run's span, in the order of their labels.

        Raises: WattscanError.
        """
        found = self._source.select(
            metric.name, {**self._run.target_matchers, **labels}, *self._run.span
        )
        groups: dict[tuple[str, ...], list[Series]] = {}
        for series in found:
            own = tuple(series.labels.get(name, "") for name in metric.labels)
            groups.setdefault(own, []).append(series)
        return [self._one_of(metric, group) for group in groups.values()]

    def one(self, metric: metrics.Metric, **labels: str) -> Series | None:
        """The first of them, None for none. Raises: WattscanError."""
        found = self.select(metric, **labels)
        return found[0] if found else None

    def largest(self, metric: metrics.Metric, sensor: str) -> Seconds | None:
        """The largest of a sensor's times in the run's windows; None: not on record.

        Raises: WattscanError.
        """
        told = self.one(metric, sensor=sensor)
        values = told.between(self._run.start, self._run.end) if told else np.empty(0)
        return Seconds(float(values.max())) if values.size else None

    def scrape_durations(self, page: Series) -> Series | None:
        """How long each scrape of a page took: `clocks.scrape_durations`.

        Raises: WattscanError.
        """
        return scrape_durations(self._source, page, *self._run.span)

    def _one_of(self, metric: metrics.Metric, group: Sequence[Series]) -> Series:
        if len(group) == 1:
            return group[0]
        ordered = sorted(group, key=lambda series: (float(series.times[0]), key(series.labels)))
        joined = ordered[0]
        for series in ordered[1:]:
            if series.times[0] > joined.times[-1]:
                joined = Series(
                    joined.labels,
                    np.concatenate([joined.times, series.times]),
                    np.concatenate([joined.values, series.values]),
                )
                continue
            better, other = sorted((joined, series), key=self._trust, reverse=True)
            if metric.kind == "counter" and not _agree(better, other):
                self._conflicts[metric.name] = f"{metric.name} ({_difference(group)})"
            joined = better
        return joined

    def _trust(self, series: Series) -> tuple[int, int]:
        names = {*series.labels, *self._recorder}
        unlike = sum(series.labels.get(name) != self._recorder.get(name) for name in names)
        return -unlike, series.times.size


def _agree(one: Series, other: Series) -> bool:
    """Whether two series may be samples of one counter: where both are, they are never further
    apart than it moves between two samples."""
    inside = (other.times >= one.times[0]) & (other.times <= one.times[-1])
    if one.times.size < 2 or not inside.any():
        return True
    apart = np.abs(np.interp(other.times[inside], one.times, one.values) - other.values[inside])
    return bool(apart.max() <= np.abs(np.diff(one.values)).max() + 1e-9)


def _difference(group: Sequence[Series]) -> str:
    names = sorted({name for series in group for name in series.labels})
    told = {name: sorted({series.labels.get(name, "") for series in group}) for name in names}
    return "; ".join(
        f"{name} {', '.join(text or 'none' for text in v)}"
        for name, v in told.items()
        if len(v) > 1
    )
