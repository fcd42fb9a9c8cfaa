"""Quality of the models that a run served, from their model cards, by SHA-256."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wattscan import metrics
from wattscan.collector.device import ModelFacts
from wattscan.collector.series import Source
from wattscan.collector.windows import Run


@dataclass(frozen=True)
class QualityFigure:
    """One score of one artifact: Dice or AUC-ROC, 0 to 1. `served` says whether the artifact is
    the one that the energy comes from; True where the target does not tell what it served."""

    task: str
    precision: str
    metric: str
    dataset: str
    value: float
    sha256: str
    served: bool


def read_quality(
    source: Source, run: Run, models: Mapping[tuple[str, str], Sequence[ModelFacts]]
) -> tuple[QualityFigure, ...]:
    """The scores in the run's span. Raises: WattscanError."""
    figures = set()
    for last in source.last(metrics.MODEL_QUALITY_RATIO.name, run.target_matchers, *run.span):
        names = ("task", "precision", "metric", "dataset", "sha256")
        task, precision, metric, dataset, sha256 = (last.labels.get(name, "") for name in names)
        facts = models.get((task, precision), ())
        served = not facts or sha256 in {fact.sha256 for fact in facts}
        figures.add(QualityFigure(task, precision, metric, dataset, last.value, sha256, served))
    return tuple(
        sorted(figures, key=lambda f: (f.task, f.metric, f.dataset, f.precision, f.sha256))
    )


def quality_ratio(figures: Sequence[QualityFigure], task: str) -> float | None:
    """INT8 over FP32, the lowest over metrics and data sets; None where no pair is there."""
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for figure in figures:
        if figure.task == task and figure.served:
            pair = scores.setdefault((figure.metric, figure.dataset), {})
            pair[figure.precision] = min(figure.value, pair.get(figure.precision, figure.value))
    ratios = [pair["int8"] / pair["fp32"] for pair in scores.values() if _both(pair)]
    return min(ratios, default=None)


def _both(pair: Mapping[str, float]) -> bool:
    return "int8" in pair and pair.get("fp32", 0) > 0
