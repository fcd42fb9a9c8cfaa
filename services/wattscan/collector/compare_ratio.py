"""A figure of one run over that of another: two runs that are independent of each other
(docs/measurement.md, "Two runs")."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattscan.collector.ratio import REPEATS_FOR_AN_INTERVAL, Ratio, t_quantile

# A 95 % interval of a normal distribution, in standard deviations.
_SIGMAS = 1.96


@dataclass(frozen=True)
class Estimate:
    """One run's figure, above zero, and what is known of its error.

    `repeats` are the figure in each window, in the same unit; `up` and `down` the logarithms of the
    factors by which the truth may lie above and below for what the record does not resolve, None
    where nothing tells; `sensor` the sensor's standard uncertainty over its reading, 0 where it
    cancels and None where it is not on record.
    """

    value: float
    repeats: Sequence[float]
    up: float | None
    down: float | None
    sensor: float | None


@dataclass(frozen=True)
class RunRatio:
    """B over A, and why there is no interval ("" where there is one)."""

    ratio: Ratio
    why: str = ""


def bounds_of(bound: float | None, value: float) -> tuple[float | None, float | None]:
    """`up` and `down` of an error bound in the value's unit."""
    if bound is None:
        return None, None
    part = bound / value
    return math.log1p(part), -math.log1p(-part) if part < 1 else math.inf


def run_ratio(a: Estimate, b: Estimate) -> RunRatio:
    """B over A, with a 95 % interval where both have four repeats or more and their errors are on
    record.

    On a logarithmic scale, so that B over A and A over B say the same: the scatter is Welch's, with
    Satterthwaite's degrees of freedom, of the relative errors of the two means; it adds as squares
    to the uncertainties of the two sensors, and the error bounds are added whole.
    """
    value = b.value / a.value
    why = _why_none(a, b)
    if why:
        return RunRatio(Ratio(value, None, None), why)
    scatter = _scatter(a, b)
    sensors = _SIGMAS * math.hypot(a.sensor or 0.0, b.sensor or 0.0)
    half = math.hypot(scatter, sensors)
    low = value * math.exp(-half - (b.down or 0.0) - (a.up or 0.0))
    high = value * math.exp(half + (b.up or 0.0) + (a.down or 0.0))
    return RunRatio(Ratio(value, low, high))


def _why_none(a: Estimate, b: Estimate) -> str:
    fewest = min(len(a.repeats), len(b.repeats))
    if fewest < REPEATS_FOR_AN_INTERVAL:
        return (
            f"an interval takes {REPEATS_FOR_AN_INTERVAL} repeats with this figure in each run, "
            f"and there are {fewest}"
        )
    if None in (a.up, a.down, b.up, b.down):
        return "an error bound is not on record"
    if None in (a.sensor, b.sensor):
        return "a sensor's uncertainty is not on record"
    return ""


def _scatter(a: Estimate, b: Estimate) -> float:
    """Half the 95 % interval of the logarithm of B over A, of the scatter alone."""
    squares = [_relative_error(each) ** 2 for each in (a, b)]
    both = sum(squares)
    if both == 0:
        return 0.0
    parts = zip(squares, (a, b), strict=True)
    freedom = both**2 / sum(square**2 / (len(each.repeats) - 1) for square, each in parts)
    return t_quantile(freedom) * math.sqrt(both)


def _relative_error(each: Estimate) -> float:
    """The standard error of the repeats' mean, over that mean."""
    deviation = float(np.std(each.repeats, ddof=1))
    return deviation / (float(np.mean(each.repeats)) * math.sqrt(len(each.repeats)))
