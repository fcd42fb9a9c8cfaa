"""The serving part of the `/metrics` page."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wattscan import metrics
from wattscan.contracts import Target
from wattscan.serving.backlog import Backlog
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.repository.repository import Repository

# 0.1 ms to 26 s, three bounds an octave at first, where inference lies.
_SECONDS = (
    0.0001, 0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024,
    0.032, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0,
)  # fmt: skip
_SCORES = (
    metrics.MODEL_QUALITY_RATIO,
    metrics.MODEL_PTQ_QUALITY_RATIO,
    metrics.MODEL_QUALITY_DIFFERENCE_RATIO,
)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class _Finished(NamedTuple):
    labels: tuple[str, ...]


class _Computed(NamedTuple):
    """`batch`: the images of the batch that it counts for; 0 if another request does."""

    labels: tuple[str, str]
    seconds: Mapping[str, float]
    batch: int


class Observations(Collector):
    """Counts requests and times their stages."""

    def __init__(self, target: Target, registry: CollectorRegistry) -> None:
        m = metrics.REQUESTS
        self._requests = Counter(m.name, m.help, m.labels, registry=None)
        m = metrics.REQUEST_DURATION_SECONDS
        self._seconds = Histogram(m.name, m.help, m.labels, registry=None, buckets=_SECONDS)
        m = metrics.BATCH_SIZE
        self._batches = Histogram(m.name, m.help, m.labels, registry=None, buckets=_IMAGES)
        # `labels` makes texts of what are texts already, each time.
        self._requests_of = cache(partial(self._requests.labels, target.name))
        self._seconds_of = cache(partial(self._seconds.labels, target.name))
        self._batches_of = cache(partial(self._batches.labels, target.name))
        self._backlog: Backlog[_Finished | _Computed] = Backlog(self._count)
        registry.register(self)

    def finished(self, task: str, precision: str, protocol: str, code: str) -> None:
        """A request was answered with that status."""
        self._backlog.add(_Finished((task, precision, protocol, code)))

    def computed(self, labels: tuple[str, str], seconds: Mapping[str, float], batch: int) -> None:
        """The stages of a request to a model of those labels took so long.

        `batch`: the images of the batch that was executed; 0 where another request of it counts.
        """
        self._backlog.add(_Computed(labels, seconds, batch))

    def collect(self) -> Iterator[Metric]:
        """All that is counted so far."""
        with self._backlog.settled():
            found = [list(metric.collect()) for metric in self._metrics()]
        for families in found:
            yield from families

    def describe(self) -> Iterator[Metric]:
        """The names."""
        for metric in self._metrics():
            yield from metric.describe()

    def _metrics(self) -> tuple[Counter, Histogram, Histogram]:
        return self._requests, self._seconds, self._batches

    def _count(self, note: _Finished | _Computed) -> None:
        if isinstance(note, _Finished):
            self._requests_of(*note.labels).inc()
            return
        for stage, duration in note.seconds.items():
            self._seconds_of(*note.labels, stage).observe(duration)
        if note.batch:
            self._batches_of(*note.labels).observe(note.batch)


class ModelsCollector(Collector):
    """What is loaded, how good it is, and how many images wait for it."""

    def __init__(self, target: Target, models: Repository) -> None:
        self._target = target
        self._models = models

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One series a model and figure."""
        info, depth, *scores = (
            GaugeMetricFamily(m.name, m.help, labels=m.labels)
            for m in (metrics.MODEL_INFO, metrics.QUEUE_DEPTH, *_SCORES)
        )
        # Versions of a model share their labels, and so do their queues.
        waiting: Counts[tuple[str, ...]] = Counts()
        for model in {(m.labels, m.file.sha256): m for m in self._models}.values():
            labels = [self._target.name, *model.labels]
            engine = [model.backend, model.provider, model.file.format]
            batch = str(model.batcher.settings.max_batch_size)
            how = [model.engine_version, str(model.threads), batch]
            how += [model.datatype if model.computed_in else "", model.computed_in]
            how += [model.engine_reason]
            info.add_metric([*labels, *engine, model.file.sha256, *how], 1)
            _add_scores(model, labels, scores)
        for model in self._models:
            labels = [self._target.name, *model.labels]
            waiting[tuple(labels)] += model.batcher.waiting
        for key, images in waiting.items():
            depth.add_metric(key, images)
        yield from (info, *scores, depth)


def _add_scores(
    model: LoadedModel, labels: list[str], families: Sequence[GaugeMetricFamily]
) -> None:
    """What the card says of the variant's quality, as far as it says it."""
    quality, ptq, difference = families
    sha256 = model.file.sha256
    for score in model.clinical.card.quality if model.clinical else ():
        own = [*labels, score.metric, score.dataset]
        quality.add_metric([*own, sha256], score.value)
        if score.ptq is not None:
            ptq.add_metric([*own, sha256], score.ptq)
        if score.difference is not None:
            for bound, value in asdict(score.difference).items():
                difference.add_metric([*own, bound, sha256], value)
