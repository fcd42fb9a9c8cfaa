"""What the generator has seen, and its `/metrics` page."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from loadtest.plan import Plan, PlannedWindow
from loadtest.tally import OUTCOMES, Tally
from wattscan import __version__, metrics
from wattscan.profiles import LOAD

# A finished window's histogram stays on the page for this many windows more, then leaves it: a
# long run would else carry thousands of series that no longer change.
_KEPT_HISTOGRAMS = 3


class RunLedger(Collector):
    """Phases, queries and latencies of a run."""

    def __init__(self, plan: Plan) -> None:
        self.scrapes = 0
        self.cooldowns_unwatched = 0
        self.senders = 0
        self.cpu = 0.0
        """The busiest process's processor time over elapsed time, this one's left out."""
        self.highest_rates: dict[tuple[str, str], float] = {}
        self._plan = plan
        self._phases: dict[tuple[PlannedWindow, str], tuple[float, float | None]] = {}
        self._tallies: dict[PlannedWindow, Tally] = {}
        self._cpu = (time.monotonic(), time.process_time(), 0.0)

    def begin(self, window: PlannedWindow, phase: str) -> float:
        """A phase begins now; returns the Unix time."""
        now = time.time()
        self._phases[window, phase] = (now, None)
        if phase == LOAD:
            # A window without a single query still has its counters, at zero.
            self._tallies[window] = Tally(self._plan.workload.latency_bound)
        return now

    def end(self, window: PlannedWindow, phase: str) -> float:
        """A phase ends now; returns the Unix time."""
        now = time.time()
        self._phases[window, phase] = (self._phases[window, phase][0], now)
        return now

    def tally(self, window: PlannedWindow) -> Tally:
        """What is counted in its load phase, which has begun."""
        return self._tallies[window]

    def collect(self) -> Iterator[Metric]:
        """The `/metrics` page."""
        self.scrapes += 1
        yield from self._info()
        yield self._of_run(metrics.RUN_PARTS, self._plan.parts)
        yield self._of_run(metrics.RUN_SENDERS, self.senders)
        yield self._of_run(metrics.RUN_COOLDOWNS_UNWATCHED, self.cooldowns_unwatched)
        yield self._of_run(metrics.RUN_PAGE_TIMESTAMP, time.time())
        yield from self._rates()
        yield from self._phase_times()
        yield from self._counts()
        yield self._histograms()
        yield self._of_run(metrics.GENERATOR_CPU_RATIO, max(self.cpu, self._cpu_ratio()))

    def _of_run(self, metric: metrics.Metric, value: float) -> GaugeMetricFamily:
        family = _gauge(metric)
        family.add_metric([self._plan.run], value)
        return family

    def _info(self) -> Iterator[GaugeMetricFamily]:
        plan, workload = self._plan, self._plan.workload
        info, shaping = _gauge(metrics.RUN_INFO), _gauge(metrics.RUN_WORKLOAD_INFO)
        labels = [plan.run, plan.target, plan.target_instance, workload.profile, workload.scenario]
        info.add_metric([*labels, str(workload.seed), __version__, workload.reference], 1)
        shaping.add_metric([plan.run, *workload.settings.values()], 1)
        yield from (info, shaping)

    def _rates(self) -> Iterator[GaugeMetricFamily]:
        plan = self._plan
        sent, highest = _gauge(metrics.RUN_RATE), _gauge(metrics.RUN_HIGHEST_RATE)
        if plan.workload.scenario == "Server" and not plan.workload.schedule:
            for task in plan.variants:
                sent.add_metric([plan.run, plan.target, task], plan.rate(task))
        for (task, precision), rate in self.highest_rates.copy().items():
            highest.add_metric([plan.run, plan.target, task, precision], rate)
        yield from (sent, highest)

    def _phase_times(self) -> Iterator[GaugeMetricFamily]:
        starts, ends = _gauge(metrics.RUN_PHASE_START), _gauge(metrics.RUN_PHASE_END)
        for (window, phase), (start, end) in self._phases.copy().items():
            labels = [*self._labels(window), phase]
            starts.add_metric(labels, start)
            if end is not None:
                ends.add_metric(labels, end)
        yield from (starts, ends)

    def _counts(self) -> Iterator[CounterMetricFamily]:
        requests, images = _counter(metrics.CLIENT_REQUESTS), _counter(metrics.CLIENT_IMAGES)
        incidents = _counter(metrics.RUN_INCIDENTS)
        for window, tally in self._tallies.copy().items():
            labels = self._labels(window)
            for outcome in OUTCOMES:
                requests.add_metric([*labels, outcome], tally.outcomes[outcome])
            images.add_metric(labels, tally.images)
            for kind, count in tally.incidents.copy().items():
                if count:
                    incidents.add_metric([*labels, kind], count)
        yield from (requests, images, incidents)

    def _histograms(self) -> HistogramMetricFamily:
        m = metrics.CLIENT_LATENCY_SECONDS
        latencies = HistogramMetricFamily(m.name, m.help, labels=m.labels)
        for window, tally in list(self._tallies.items())[-_KEPT_HISTOGRAMS:]:
            latencies.add_metric(self._labels(window), tally.buckets(), tally.sum)
        return latencies

    def _labels(self, window: PlannedWindow) -> list[str]:
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
