"""What the load generator counted in a window: queries, images, latencies, its own CPU use."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wattscan import metrics
from wattscan.collector.series import Labels, Last, Source, key, label
from wattscan.collector.windows import Run
from wattscan.contracts import WattscanError
from wattscan.profiles import LOAD
from wattscan.units import Seconds

# docs/measurement.md: a percentile is printed from so many queries on.
_QUERIES_NEEDED = {0.5: 1, 0.9: 64, 0.99: 662}

# Of a clock's offset so much may be left.
_PAGE_SECONDS = 1.0
# Two scrapes after a load, which may be a minute apart.
_SETTLED_SECONDS = 150.0
_WINDOW_LABELS = ("task", "precision", "repeat")

WindowKey = tuple[str, str, str]
"""Task, precision, repeat."""


@dataclass(frozen=True)
class Queries:
    """Queries of a load phase by outcome; dropped ones were due, but never sent. `whole`: all three
    are on record."""

    ok: float
    error: float
    dropped: float
    whole: bool = True

    @property
    def total(self) -> float:
        """All of them."""
        return self.ok + self.error + self.dropped

    @property
    def lost_ratio(self) -> float:
        """Errors and drops over all queries; 0 where there were none."""
        return (self.error + self.dropped) / self.total if self.total else 0.0


@dataclass(frozen=True)
class Histogram:
    """Latencies: upper bounds in seconds, growing, the last infinite; cumulative counts."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def total(self) -> float:
        """How many queries it holds."""
        return self.counts[-1] if self.counts else 0.0

    def beyond(self, bound: float) -> float | None:
        """Queries that took longer than a bound; None where it is none of the histogram's."""
        for edge, count in zip(self.bounds, self.counts, strict=True):
            if math.isclose(edge, bound, rel_tol=1e-5):
                return self.total - count
        return None

    def quantile(self, ratio: float) -> Seconds | None:
        """The latency under which that share of the queries stayed, linear within its bucket.

        None where docs/measurement.md wants more queries than there are (64 for a p90, 662 for
        a p99), or where it lies over the last finite bound.
        """
        index = self._bucket(ratio)
        if index is None:
            return None
        low = self.bounds[index - 1] if index else 0.0
        below = self.counts[index - 1] if index else 0.0
        share = (ratio * self.total - below) / (self.counts[index] - below)
        return Seconds(low + (self.bounds[index] - low) * share)

    def quantile_bounds(self, ratio: float) -> tuple[Seconds, Seconds] | None:
        """The bounds of the bucket that a quantile lies in; None where there is no quantile."""
        index = self._bucket(ratio)
        if index is None:
            return None
        return Seconds(self.bounds[index - 1] if index else 0.0), Seconds(self.bounds[index])

    def _bucket(self, ratio: float) -> int | None:
        if self.total < _QUERIES_NEEDED.get(ratio, 1):
            return None
        rank = ratio * self.total
        index = next(i for i, count in enumerate(self.counts) if count >= rank)
        return None if math.isinf(self.bounds[index]) else index


@dataclass(frozen=True)
class LoadFigures:
    """The generator's figures of a run by window; a window that is not in a mapping has none."""

    queries: Mapping[WindowKey, Queries]
    images: Mapping[WindowKey, float]
    latencies: Mapping[WindowKey, Histogram]
    unsettled: Mapping[WindowKey, str]
    """Windows whose counts fell, or went on after the load had ended, and which of the two."""
    incidents: Mapping[WindowKey, Mapping[str, float]]
    """Incidents in a window, by kind."""


def read_load(source: Source, run: Run) -> LoadFigures:
    """The last value of each of the generator's counters in the run's span.

    They count the load phase only, and a page may leave an older window's series out again, so the
    last raw sample anywhere in the span is what the window counted. Raises: WattscanError.
    """
    requests = source.last(metrics.CLIENT_REQUESTS.name, run.load_matchers, *run.span)
    queries = _queries(requests)
    images = {window: counted.ok for window, counted in queries.items()}
    counted_images = source.last(metrics.CLIENT_IMAGES.name, run.load_matchers, *run.span)
    for last in counted_images:
        images[_window(last.labels)] = last.value
    unsettled = _unsettled(source, run, [*requests, *counted_images])
    incidents: dict[WindowKey, dict[str, float]] = defaultdict(dict)
    for last in source.last(metrics.RUN_INCIDENTS.name, run.load_matchers, *run.span):
        incidents[_window(last.labels)][last.labels.get("kind", "")] = last.value
    return LoadFigures(queries, images, _latencies(source, run), unsettled, incidents)


def merged(histograms: Iterable[Histogram]) -> Histogram | None:
    """All queries of several histograms in one; None for none. Bounds that only one of them has
    are kept: a cumulative count holds until its next bound."""
    several = [histogram for histogram in histograms if histogram.total > 0]
    if not several:
        return None
    bounds = sorted({bound for histogram in several for bound in histogram.bounds})
    counts = [sum(_count_below(histogram, bound) for histogram in several) for bound in bounds]
    return Histogram(tuple(bounds), tuple(counts))


def generator_cpu_ratio(
    source: Source, run: Run, spans: Sequence[tuple[float, float]]
) -> list[float | None]:
    """The generator's mean CPU use over one core in each span (Unix seconds), None if not told."""
    found = source.select(metrics.GENERATOR_CPU_RATIO.name, run.load_matchers, *run.span)
    if not found:
        return [None for _ in spans]
    values = [found[0].between(start, end) for start, end in spans]
    means = [float(np.mean(value)) if value.size else -1.0 for value in values]
    return [mean if mean >= 0 else None for mean in means]


def _queries(requests: Sequence[Last]) -> dict[WindowKey, Queries]:
    outcomes: dict[WindowKey, dict[str, float]] = defaultdict(dict)
    for last in requests:
        window = _window(last.labels)
        if last.value >= 0:  # less is no count
            outcomes[window][last.labels.get("outcome", "")] = last.value
    return {
        window: Queries(
            ok=counted.get("ok", 0.0),
            # An outcome that the contract does not name is no answer either.
            error=sum(n for name, n in counted.items() if name not in ("ok", "dropped")),
            dropped=counted.get("dropped", 0.0),
            whole=counted.keys() >= {"ok", "error", "dropped"},
        )
        for window, counted in outcomes.items()
    }


def _unsettled(source: Source, run: Run, lasts: Sequence[Last]) -> dict[WindowKey, str]:
    """`lasts`: the last values of the same counters."""
    last = {key(each.labels): each.value for each in lasts}
    found = {}
    for window in run.windows:
        load = window.phases.get(LOAD)
        if load is None or load.end is None:
            continue
        names = (window.task, window.precision, window.repeat)
        own = dict(zip(_WINDOW_LABELS, names, strict=True))
        for metric in (metrics.CLIENT_REQUESTS, metrics.CLIENT_IMAGES):
            matchers = {**run.load_matchers, **own}
            end = load.end + _SETTLED_SECONDS
            for series in source.select(metric.name, matchers, load.start, end):
                # A page from after the load has all of its queries.
                after = series.values[series.times > load.end + _PAGE_SECONDS]
                if np.any(np.diff(series.values) < 0):
                    found[names] = "fell"
                elif after.size and last.get(key(series.labels), after[0]) > after[0]:
                    found[names] = "went on after its load"
    return found


def _latencies(source: Source, run: Run) -> dict[WindowKey, Histogram]:
    name = f"{metrics.CLIENT_LATENCY_SECONDS.name}_bucket"
    buckets: dict[WindowKey, dict[float, float]] = defaultdict(dict)
    for last in source.last(name, run.load_matchers, *run.span):
        bound = label(last.labels, "le")
        try:
            buckets[_window(last.labels)][float(bound)] = last.value
        except ValueError:
            raise WattscanError(
                f"a bucket of {name} has no number for its bound: {bound!r}"
            ) from None
    return {
        window: Histogram(tuple(sorted(counts)), tuple(counts[bound] for bound in sorted(counts)))
        for window, counts in buckets.items()
    }


def _count_below(histogram: Histogram, bound: float) -> float:
    index = int(np.searchsorted(histogram.bounds, bound, "right")) - 1
    return histogram.counts[index] if index >= 0 else 0.0


def _window(labels: Labels) -> WindowKey:
    task, precision, repeat = (label(labels, name) for name in _WINDOW_LABELS)
    return task, precision, repeat
