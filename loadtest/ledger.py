"""What the generator has seen, and its `/metrics` page."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from loadtest.plan import Plan, Window
from wattscan import __version__, metrics

# 0.1 ms to 60 s. The step stays under the 5 % that the contract allows once bounds are rounded.
_STEP = 1.049
_BOUNDS = [round(0.0001 * _STEP**k, 9) for k in range(280)]

# A finished window's histogram stays on the page for this many windows more, then leaves it: a
# long run would else carry thousands of series that no longer change.
_KEPT_HISTOGRAMS = 3


class Histogram:
    """Latencies of one window, in seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one query."""
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, cumulative count), as Prometheus has them."""
        bounds = [*(f"{bound:g}" for bound in _BOUNDS), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True))


class Ledger(Collector):
    """Phases, queries and latencies of a run."""

    def __init__(self, plan: Plan) -> None:
        self.scrapes = 0
        self.cooldowns_unwatched = 0
        self._plan = plan
        self._phases: dict[tuple[Window, str], tuple[float, float | None]] = {}
        self._outcomes: Counter[tuple[Window, str]] = Counter()
        self._images: Counter[Window] = Counter()
        self._latencies: dict[Window, Histogram] = {}
        self._cpu = (time.monotonic(), time.process_time(), 0.0)

    def begin(self, window: Window, phase: str) -> float:
        """A phase begins now; returns the Unix time."""
        now = time.time()
        self._phases[window, phase] = (now, None)
        if phase == "load":
            # A window without a single query still has its counters, at zero.
            self._images[window] += 0
            for outcome in ("ok", "error", "dropped"):
                self._outcomes[window, outcome] += 0
            self._latencies[window] = Histogram()
            for old in list(self._latencies)[:-_KEPT_HISTOGRAMS]:
                del self._latencies[old]
        return now

    def end(self, window: Window, phase: str) -> float:
        """A phase ends now; returns the Unix time."""
        now = time.time()
        self._phases[window, phase] = (self._phases[window, phase][0], now)
        return now

    def answered(self, window: Window, images: int, seconds: float) -> None:
        """A query was answered."""
        self._outcomes[window, "ok"] += 1
        self._images[window] += images
        self._latencies[window].observe(seconds)

    def failed(self, window: Window) -> None:
        """A query got an error."""
        self._outcomes[window, "error"] += 1

    def dropped(self, window: Window, queries: int) -> None:
        """Queries were due and never sent."""
        self._outcomes[window, "dropped"] += queries

    def collect(self) -> Iterator[Metric]:
        """The `/metrics` page."""
        self.scrapes += 1
        yield self._info()
        yield self._of_run(metrics.RUN_PARTS, self._plan.parts)
        yield self._of_run(metrics.RUN_COOLDOWNS_UNWATCHED, self.cooldowns_unwatched)
        yield self._of_run(metrics.RUN_PAGE_TIMESTAMP, time.time())
        yield from self._phase_times()
        yield from self._counts()
        yield self._histograms()
        yield self._of_run(metrics.GENERATOR_CPU_RATIO, self._cpu_ratio())

    def _of_run(self, metric: metrics.Metric, value: float) -> GaugeMetricFamily:
        family = _gauge(metric)
        family.add_metric([self._plan.run], value)
        return family

    def _info(self) -> GaugeMetricFamily:
        plan = self._plan
        info = _gauge(metrics.RUN_INFO)
        labels = [plan.run, plan.target, plan.target_instance, plan.profile_name, plan.scenario]
        info.add_metric([*labels, str(plan.seed), __version__, plan.reference], 1)
        return info

    def _phase_times(self) -> Iterator[GaugeMetricFamily]:
        starts, ends = _gauge(metrics.RUN_PHASE_START), _gauge(metrics.RUN_PHASE_END)
        for (window, phase), (start, end) in list(self._phases.items()):
            labels = [*self._labels(window), phase]
            starts.add_metric(labels, start)
            if end is not None:
                ends.add_metric(labels, end)
        yield from (starts, ends)

    def _counts(self) -> Iterator[CounterMetricFamily]:
        requests, images = _counter(metrics.CLIENT_REQUESTS), _counter(metrics.CLIENT_IMAGES)
        for (window, outcome), count in list(self._outcomes.items()):
            requests.add_metric([*self._labels(window), outcome], count)
        for window, count in list(self._images.items()):
            images.add_metric(self._labels(window), count)
        yield from (requests, images)

    def _histograms(self) -> HistogramMetricFamily:
        m = metrics.CLIENT_LATENCY_SECONDS
        latencies = HistogramMetricFamily(m.name, m.help, labels=m.labels)
        for window, histogram in list(self._latencies.items()):
            latencies.add_metric(self._labels(window), histogram.buckets(), histogram.sum)
        return latencies

    def _labels(self, window: Window) -> list[str]:
        plan = self._plan
        return [plan.run, plan.target, window.task, window.precision, str(window.repeat)]

    def _cpu_ratio(self) -> float:
        """This process's processor time over elapsed time since a scrape half a second ago."""
        then, used, ratio = self._cpu
        now, using = time.monotonic(), time.process_time()
        if now - then >= 0.5:
            ratio = (using - used) / (now - then)
            self._cpu = (now, using, ratio)
        return ratio


def _gauge(metric: metrics.Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def _counter(metric: metrics.Metric) -> CounterMetricFamily:
    return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
