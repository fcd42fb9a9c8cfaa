"""Scores of a model in two runs, on the same data set by the same metric."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wattscan.collector.compare_judgement import Judgement, not_compared, size
from wattscan.collector.figure_text import percent_text
from wattscan.collector.measured import Measured
from wattscan.collector.quality import QualityFigure
from wattscan.collector.quality_notes import METRIC_TITLES
from wattscan.collector.quality_table import lowest_score
from wattscan.collector.ratio import Ratio
from wattscan.profiles import DEFAULT_REFERENCE

# A card's 95 % interval, widened to 97.5 %: two of them hold together with 95 % (Bonferroni).
# The normal distribution's quantiles at 98.75 % and 97.5 %.
_WIDENED = 2.2414 / 1.9600


@dataclass(frozen=True)
class ScorePair:
    """One metric on one data set; a score is None where a run has none, and the ratio where one
    is missing or zero."""

    title: str
    a: float | None
    b: float | None
    ratio: Ratio | None
    judgement: Judgement


def score_pairs(
    a: Measured, b: Measured, names: tuple[str, str], threshold: float
) -> Iterator[ScorePair]:
    """A pair for each metric and data set that either run has scores of. `names`: task, variant."""
    task, precision = names
    every = [[f for f in run.quality if f.task == task and f.served] for run in (a, b)]
    mine = [(f.metric, f.dataset) for figures in every for f in figures if f.precision == precision]
    for metric, dataset in dict.fromkeys(mine):
        one, other = (lowest_score(figures, metric, dataset, precision) for figures in every)
        title = f"{METRIC_TITLES.get(metric, metric)} on {dataset}"
        if one is None or other is None:
            missing = "A" if one is None else "B"
            why = not_compared(f"{missing} has no such score")
            found = (one.value if one else None, other.value if other else None)
            yield ScorePair(title, *found, None, why)
        else:
            bases = (lowest_score(each, metric, dataset, DEFAULT_REFERENCE) for each in every)
            yield _pair(title, one, other, tuple(bases), threshold)


def _pair(
    title: str,
    a: QualityFigure,
    b: QualityFigure,
    bases: tuple[QualityFigure | None, ...],
    threshold: float,
) -> ScorePair:
    if a.value <= 0:
        return ScorePair(title, a.value, b.value, None, not_compared("A's score is zero"))
    low, high = _interval(a, b, bases)
    ratio = Ratio(b.value / a.value, low, high)
    return ScorePair(title, a.value, b.value, ratio, _judged(a, b, ratio, threshold))


def _interval(
    a: QualityFigure, b: QualityFigure, bases: tuple[QualityFigure | None, ...]
) -> tuple[float | None, float | None]:
    """Of B over A, where both cards have an interval of the difference from one FP32 model."""
    one, other = bases
    if a.sha256 == b.sha256:
        return None, None
    if one is None or other is None or not one.sha256 or one.sha256 != other.sha256:
        return None, None
    if a.difference is None or b.difference is None or one.value != other.value:
        return None, None
    down = b.difference.estimate - b.difference.lower + a.difference.upper - a.difference.estimate
    up = b.difference.upper - b.difference.estimate + a.difference.estimate - a.difference.lower
    change = b.value - a.value
    low, high = change - _WIDENED * down, change + _WIDENED * up
    return 1 + low / a.value, 1 + high / a.value


def _judged(a: QualityFigure, b: QualityFigure, ratio: Ratio, threshold: float) -> Judgement:
    """By the scores themselves: each is of a whole data set, and no run scatters it."""
    if a.sha256 and a.sha256 == b.sha256 and a.value == b.value:
        return Judgement("same", "the same model file and score")
    change = 1 - ratio.value
    by = size(change)
    elsewhere = _elsewhere(ratio)
    if change <= 0:
        if change == 0:
            return Judgement("same", f"the same score on this data set{elsewhere}")
        return Judgement("better", f"higher by {by} on this data set{elsewhere}")
    limit = f"the threshold of {percent_text(threshold)}"
    if ratio.value < 1 - threshold:
        said = f"lower by {by} on this data set, beyond {limit}{elsewhere}"
        return Judgement("worse_beyond_threshold", said)
    return Judgement("worse", f"lower by {by} on this data set, within {limit}{elsewhere}")


def _elsewhere(ratio: Ratio) -> str:
    """What it says of other images of the kind."""
    if ratio.shows_a_difference is None:
        return "; of other images it shows nothing: the cards have no interval for it"
    if not ratio.shows_a_difference:
        return "; for other images no difference is shown"
    return ""
