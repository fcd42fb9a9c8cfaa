"""The serving part of the `/metrics` page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from wattscan import metrics
from wattscan.contracts import Target
from wattscan.serving.models import Models, ServedModel

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


class Observations:
    """Counts requests and times their stages."""

    def __init__(self, target: Target, registry: CollectorRegistry) -> None:
        self._target = target.name
        m = metrics.REQUESTS
        self._requests = Counter(m.name, m.help, m.labels, registry=registry)
        m = metrics.REQUEST_DURATION_SECONDS
        self._seconds = Histogram(m.name, m.help, m.labels, registry=registry, buckets=_SECONDS)
        m = metrics.BATCH_SIZE
        self._batches = Histogram(m.name, m.help, m.labels, registry=registry, buckets=_IMAGES)

    def finished(self, task: str, precision: str, protocol: str, code: str) -> None:
        """A request was answered with that status."""
        self._requests.labels(self._target, task, precision, protocol, code).inc()

    def stage(self, task: str, precision: str, stage: str, seconds: float) -> None:
        """A stage of a request took that long."""
        self._seconds.labels(self._target, task, precision, stage).observe(seconds)

    def batch(self, task: str, precision: str, images: int) -> None:
        """A batch was executed."""
        self._batches.labels(self._target, task, precision).observe(images)


class ModelsCollector(Collector):
    """What is loaded, how good it is, and how many images wait for it."""

    def __init__(self, target: Target, models: Models) -> None:
        self._target = target
        self._models = models

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One series a model and figure."""
        info, depth, *scores = (
            GaugeMetricFamily(m.name, m.help, labels=m.labels)
            for m in (metrics.MODEL_INFO, metrics.QUEUE_DEPTH, *_SCORES)
        )
        for model in self._models:
            labels = self._labels(model)
            engine = [self._target.backend, model.engine.provider, model.file.format]
            info.add_metric([*labels, *engine, model.file.sha256], 1)
            depth.add_metric(labels, model.turns.waiting)
            _add_scores(model, labels, scores)
        yield from (info, *scores, depth)

    def _labels(self, model: ServedModel) -> list[str]:
        return [self._target.name, model.card.task, model.card.precision]


def _add_scores(
    model: ServedModel, labels: list[str], families: Sequence[GaugeMetricFamily]
) -> None:
    """What the card says of the variant's quality, as far as it says it."""
    quality, ptq, difference = families
    sha256 = model.file.sha256
    for score in model.card.quality:
        own = [*labels, score.metric, score.dataset]
        quality.add_metric([*own, sha256], score.value)
        if score.ptq is not None:
            ptq.add_metric([*own, sha256], score.ptq)
        if score.difference is not None:
            for bound, value in asdict(score.difference).items():
                difference.add_metric([*own, bound, sha256], value)
