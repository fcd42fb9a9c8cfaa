"""What the ratio of two runs shows: worse, better, or not enough to say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from wattscan.collector.compare_ratio import RunRatio
from wattscan.collector.figure_text import percent_text

Outcome = Literal[
    "worse_beyond_threshold",
    "worse",
    "better",
    "no_difference_shown",
    "not_shown",
    "same",
    "not_compared",
]


@dataclass(frozen=True)
class Thresholds:
    """How much worse a figure may get, as a part of A's: 0.05 is 5 %."""

    energy: float = 0.05
    latency: float = 0.10
    quality: float = 0.01


@dataclass(frozen=True)
class Judgement:
    """What is shown, and in words. `unproven`: the figure itself lies beyond the threshold, and
    that it does is not shown."""

    outcome: Outcome
    sentence: str
    unproven: bool = False


def judged(found: RunRatio, threshold: float | None) -> Judgement:
    """The judgement on a figure of which more is worse, such as energy.

    Args:
        found: B over A.
        threshold: how much more is too much, as a part of A's; None: the figure decides nothing.
    """
    ratio = found.ratio
    limit = math.inf if threshold is None else 1 + threshold
    change, beyond = ratio.value - 1, ratio.value > limit
    if ratio.low is None or ratio.high is None:
        way = "higher" if change > 0 else "lower"
        what = f"{way} by {size(change)}" if change else "the same figure"
        return Judgement("not_shown", f"{what}, which shows nothing: {found.why}", beyond)
    if ratio.high < 1:
        return Judgement("better", f"better by {_span(ratio.value, ratio.high, ratio.low)}")
    if ratio.low <= 1:
        return Judgement("no_difference_shown", _no_difference(ratio.high, threshold), beyond)
    said = f"worse by {_span(ratio.value, ratio.low, ratio.high)}"
    if threshold is None:
        return Judgement("worse", said)
    named = f"the threshold of {percent_text(threshold)}"
    if ratio.low > limit:
        return Judgement("worse_beyond_threshold", f"{said}, beyond {named}")
    said += f", within {named}" if ratio.high <= limit else f"; beyond {named} is not shown"
    return Judgement("worse", said, beyond)


def size(change: float) -> str:
    """A change without its sign, such as `5.2 %`."""
    percent = 100 * abs(change)
    return "less than 0.1 %" if 0 < percent < 0.1 else f"{percent:.{1 if percent < 100 else 0}f} %"


def not_compared(why: str) -> Judgement:
    """Of a figure that has no ratio."""
    return Judgement("not_compared", f"not compared: {why}")


def _span(ratio: float, low: float, high: float) -> str:
    return f"{size(ratio - 1)} ({size(low - 1)} to {size(high - 1)})"


def _no_difference(high: float, threshold: float | None) -> str:
    said = "no difference shown"
    if threshold is None:
        return said
    how = "not ruled out" if high > 1 + threshold else "ruled out"
    return f"{said}; worse by more than {percent_text(threshold)} is {how}"
