"""FP32 over INT8: how many times the energy of one image, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattscan import plugins

_REPEATS_FOR_AN_INTERVAL = 4
_CONFIDENCE_RATIO = 0.95


@dataclass(frozen=True)
class Point:
    """One window's energy per image, J, above zero, and when its load began, Unix seconds."""

    at: float
    joules_per_image: float


@dataclass(frozen=True)
class Ratio:
    """Energy of an FP32 image over that of an INT8 image. `low` and `high` bound the 95 %
    interval, None below 4 repeats."""

    value: float
    low: float | None
    high: float | None

    @property
    def shows_a_difference(self) -> bool | None:
        """Whether the interval leaves 1 out; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return not self.low <= 1 <= self.high


def energy_ratio(fp32: Sequence[Point], int8: Sequence[Point]) -> Ratio | None:
    """Fit log(energy per image) on variant and time, by least squares (docs/measurement.md).

    The drift is fitted from four windows on; the interval is Student's t, residual degrees of
    freedom = windows - 3. None where a variant has no window.
    """
    if not fp32 or not int8:
        return None
    points = [*fp32, *int8]
    times = np.array([point.at for point in points])
    spread = float(np.ptp(times))
    columns = [np.ones(len(points)), np.repeat([1.0, 0.0], [len(fp32), len(int8)])]
    if len(points) > 3 and spread > 0:
        columns.append((times - times.mean()) / spread)
    design = np.column_stack(columns)
    logs = np.log([point.joules_per_image for point in points])
    coefficients, _, rank, _ = np.linalg.lstsq(design, logs, rcond=None)
    effect, free = float(coefficients[1]), len(points) - int(rank)
    value = float(np.exp(effect))
    if min(len(fp32), len(int8)) < _REPEATS_FOR_AN_INTERVAL or rank < design.shape[1]:
        return Ratio(value, None, None)
    residual = logs - design @ coefficients
    variance = float(residual @ residual) / free * np.linalg.inv(design.T @ design)[1, 1]
    half = t_quantile(free) * float(np.sqrt(variance))
    return Ratio(value, float(np.exp(effect - half)), float(np.exp(effect + half)))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of a mean by Student's t, in the values' unit; None below 4 values."""
    if len(values) < _REPEATS_FOR_AN_INTERVAL:
        return None
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = t_quantile(len(values) - 1) * error
    return mean - half, mean + half


def t_quantile(degrees_of_freedom: int) -> float:
    """Student's t at 97.5 %: half the width of a 95 % interval in standard errors.

    Raises:
        WattscanError: SciPy is not installed.
    """
    stats = plugins.sdk("scipy.stats", "report")
    return float(stats.t.ppf((1 + _CONFIDENCE_RATIO) / 2, degrees_of_freedom))
