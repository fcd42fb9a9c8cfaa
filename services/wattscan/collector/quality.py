"""Quality of the models that a run served, from their model cards, by SHA-256."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wattscan import metrics
from wattscan.collector.model_facts import ModelFacts
from wattscan.collector.series import Source
from wattscan.collector.windows import Run
from wattscan.contracts import Difference


@dataclass(frozen=True)
class QualityFigure:
    """One score of one artifact: Dice or AUC-ROC, 0 to 1. `served` says whether the artifact is
    the one that the energy comes from; True where the target does not tell what it served.

    Also `ptq`, the score after calibration alone, and `difference`, the variant's score - FP32's
    with its 95 % interval; None where the target does not tell."""

    task: str
    precision: str
    metric: str
    dataset: str
    value: float
    sha256: str
    served: bool
    ptq: float | None = None
    difference: Difference | None = None


_IDENTITY = ("task", "precision", "metric", "dataset", "sha256")


def read_quality(
    source: Source, run: Run, models: Mapping[tuple[str, str], Sequence[ModelFacts]]
) -> tuple[QualityFigure, ...]:
    """The scores in the run's span. Raises: WattscanError."""
    scores = _values(source, run, metrics.MODEL_QUALITY_RATIO)
    calibrated = _values(source, run, metrics.MODEL_PTQ_QUALITY_RATIO)
    bounds = _values(source, run, metrics.MODEL_QUALITY_DIFFERENCE_RATIO, "bound")
    figures = []
    for key, value in scores.items():
        task, precision, metric, dataset, sha256 = key
        facts = models.get((task, precision), ())
        figures.append(
            QualityFigure(
                task=task,
                precision=precision,
                metric=metric,
                dataset=dataset,
                value=value,
                sha256=sha256,
                served=not facts or sha256 in {fact.sha256 for fact in facts},
                ptq=calibrated.get(key),
                difference=_difference(bounds, key),
            )
        )
    return tuple(
        sorted(figures, key=lambda f: (f.task, f.metric, f.dataset, f.precision, f.sha256))
    )


def _values(
    source: Source, run: Run, metric: metrics.Metric, *more: str
) -> dict[tuple[str, ...], float]:
    """The metric's last values in the run's span, by `_IDENTITY` and the other labels."""
    found = source.last(metric.name, run.target_matchers, *run.span)
    least = -1.0 if more else 0.0
    return {
        tuple(last.labels.get(name, "") for name in (*_IDENTITY, *more)): last.value
        for last in found
        if least <= last.value <= 1.0  # the scores go from 0 to 1, and their differences from -1
    }


def _difference(bounds: Mapping[tuple[str, ...], float], key: tuple[str, ...]) -> Difference | None:
    names = ("estimate", "lower", "upper")
    if not all((*key, name) in bounds for name in names):
        return None
    return Difference(*(bounds[(*key, name)] for name in names))


def quality_ratio(
    figures: Sequence[QualityFigure], task: str, reference: str, variant: str
) -> float | None:
    """Variant over reference, the lowest over metrics and data sets; None without a pair."""
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for figure in figures:
        if figure.task == task and figure.served:
            pair = scores.setdefault((figure.metric, figure.dataset), {})
            pair[figure.precision] = min(figure.value, pair.get(figure.precision, figure.value))
    ratios = [
        pair[variant] / pair[reference]
        for pair in scores.values()
        if variant in pair and pair.get(reference, 0) > 0
    ]
    return min(ratios, default=None)
