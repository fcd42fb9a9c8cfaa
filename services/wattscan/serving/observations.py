"""The serving part of the `/metrics` page."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache, partial
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wattscan import metrics
from wattscan.contracts import Target, WattscanError
from wattscan.serving.backlog import Backlog
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.repository.repository import Repository
from wattscan.serving.security.tls import TlsFiles

# 1 ms to 5 s in steps of about two: enough to see on a heat map where a stage lies, and
# whether a p99 keeps its bound. Each bound costs 36 series with three tasks in two variants.
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_SCORES = (
    metrics.MODEL_QUALITY_RATIO,
    metrics.MODEL_PTQ_QUALITY_RATIO,
    metrics.MODEL_QUALITY_DIFFERENCE_RATIO,
    metrics.MODEL_AGREEMENT,
)
# Answers are shown by the hundred: from two scrapes nobody can tell what was found in one image.
_BLOCK = 100
_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class _Finished(NamedTuple):
    labels: tuple[str, ...]


class Answered(NamedTuple):
    """A request that was answered: the labels of its model, and what its stages took.

    `batch`: the images of the batch that it counts for; 0 where another request of it counts.
    `positive`: over its `images`, the sum of the share of outputs above one half; None where the
    model is of no clinical task.
    """

    labels: tuple[str, str]
    seconds: Mapping[str, float]
    batch: int
    images: int = 1
    positive: float | None = None
    trace_id: str = ""


class Observations(Collector):
    """Counts requests and times their stages."""

    def __init__(self, target: Target, registry: CollectorRegistry) -> None:
        m = metrics.REQUESTS
        self._requests = Counter(m.name, m.help, m.labels, registry=None)
        m = metrics.REQUEST_DURATION_SECONDS
        self._seconds = Histogram(m.name, m.help, m.labels, registry=None, buckets=_SECONDS)
        m = metrics.BATCH_SIZE
        self._batches = Histogram(m.name, m.help, m.labels, registry=None, buckets=_IMAGES)
        m = metrics.OUTPUT_IMAGES
        self._images = Counter(m.name, m.help, m.labels, registry=None)
        m = metrics.OUTPUT_POSITIVE
        self._positive = Counter(m.name, m.help, m.labels, registry=None)
        # `labels` makes texts of what are texts already, each time.
        self._requests_of = cache(partial(self._requests.labels, target.name))
        self._seconds_of = cache(partial(self._seconds.labels, target.name))
        self._batches_of = cache(partial(self._batches.labels, target.name))
        self._images_of = cache(partial(self._images.labels, target.name))
        self._positive_of = cache(partial(self._positive.labels, target.name))
        self._answers: dict[tuple[str, str], tuple[int, float]] = {}
        self._backlog: Backlog[_Finished | Answered] = Backlog(self._count)
        registry.register(self)

    def finished(self, task: str, precision: str, protocol: str, code: str) -> None:
        """A request was answered with that status."""
        self._backlog.add(_Finished((task, precision, protocol, code)))

    def computed(self, answered: Answered) -> None:
        """A request to a model was answered."""
        self._backlog.add(answered)

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

    def _metrics(self) -> tuple[Counter | Histogram, ...]:
        return self._requests, self._seconds, self._batches, self._images, self._positive

    def _count(self, note: _Finished | Answered) -> None:
        if isinstance(note, _Finished):
            self._requests_of(*note.labels).inc()
            return
        for stage, duration in note.seconds.items():
            traced = stage == "total" and note.trace_id
            exemplar = {"trace_id": note.trace_id} if traced else None
            self._seconds_of(*note.labels, stage).observe(duration, exemplar)
        if note.batch:
            self._batches_of(*note.labels).observe(note.batch)
        if note.positive is not None:
            self._count_answer(note.labels, note.images, note.positive)

    def _count_answer(self, labels: tuple[str, str], images: int, positive: float) -> None:
        before = self._answers.get(labels, (0, 0.0))
        images, positive = before[0] + images, before[1] + positive
        if images >= _BLOCK:
            self._images_of(*labels).inc(images)
            self._positive_of(*labels).inc(positive)
            images, positive = 0, 0.0
        self._answers[labels] = images, positive


class ModelsCollector(Collector):
    """What is loaded, how good it is, and how many images wait for it."""

    def __init__(self, target: Target, models: Repository) -> None:
        self._target = target
        self._models = models

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One series a model and figure."""
        info, depth, limit, *scores = (
            GaugeMetricFamily(m.name, m.help, labels=m.labels)
            for m in (metrics.MODEL_INFO, metrics.QUEUE_DEPTH, metrics.QUEUE_LIMIT, *_SCORES)
        )
        # Versions of a model share their labels, and so do their queues.
        waiting: Counts[tuple[str, ...]] = Counts()
        allowed: Counts[tuple[str, ...]] = Counts()
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
            allowed[tuple(labels)] += model.batcher.settings.queue_limit
        for key, images in waiting.items():
            depth.add_metric(key, images)
            limit.add_metric(key, allowed[key])
        yield from (info, *scores, depth, limit)


class CertificateCollector(Collector):
    """When the server's certificate expires."""

    def __init__(self, target: Target, tls: TlsFiles) -> None:
        self._target = target
        self._tls = tls

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Of the file as it is now; nothing while it cannot be read."""
        m = metrics.CERTIFICATE_EXPIRY
        family = GaugeMetricFamily(m.name, m.help, labels=m.labels)
        with suppress(WattscanError):
            family.add_metric([self._target.name], self._tls.expiry())
        yield family


def _add_scores(
    model: LoadedModel, labels: list[str], families: Sequence[GaugeMetricFamily]
) -> None:
    """What the card or the model.toml says of the variant's quality, as far as it says it."""
    quality, ptq, difference, agreement = families
    sha256 = model.file.sha256
    for found in model.config.agreement:
        agreement.add_metric(
            [*labels, found.metric, found.reference, found.inputs, sha256], found.value
        )
    for score in model.quality:
        own = [*labels, score.metric, score.dataset]
        quality.add_metric([*own, sha256], score.value)
        if score.ptq is not None:
            ptq.add_metric([*own, sha256], score.ptq)
        if score.difference is not None:
            for bound, value in asdict(score.difference).items():
                difference.add_metric([*own, bound, sha256], value)
