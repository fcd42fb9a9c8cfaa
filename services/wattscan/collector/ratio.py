"""FP32 over INT8: how many times the energy of one image, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattscan import plugins

REPEATS_FOR_AN_INTERVAL = 4
_CONFIDENCE_RATIO = 0.95


@dataclass(frozen=True)
class Point:
    """One window's energy per image, J, above zero, and when its load began, Unix seconds."""

    at: float
    joules_per_image: float


@dataclass(frozen=True)
class Ratio:
    """Energy of an FP32 image over that of an INT8 image. `low` and `high` bound the 95 %
    interval, None below 4 repeats: of the scatter, and of the error bounds, which may move the
    value by the part `bound`. The sensor's own error is in both, and cancels."""

    value: float
    low: float | None
    high: float | None
    bound: float = 0.0

    @property
    def shows_a_difference(self) -> bool | None:
        """Whether the interval leaves 1 out; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return not self.low <= 1 <= self.high


def energy_ratio(
    fp32: Sequence[Point], int8: Sequence[Point], bounds: tuple[float, float] = (0.0, 0.0)
) -> Ratio | None:
    """Fit log(energy per image) on variant and time, by least squares (docs/measurement.md).

    The drift is fitted from four windows on. The variants may scatter differently: the interval is
    Student's t with Satterthwaite's degrees of freedom, which without a drift is Welch's.

    Args:
        fp32: its windows.
        int8: its windows.
        bounds: the mean error bound of each variant, over its mean energy.

    Returns:
        None where a variant has no window.
    """
    if not fp32 or not int8:
        return None
    points = [*fp32, *int8]
    times = np.array([point.at for point in points])
    spread = float(np.ptp(times))
    is_fp32 = np.repeat([1.0, 0.0], [len(fp32), len(int8)])
    columns = [np.ones(len(points)), is_fp32]
    if len(points) > 3 and spread > 0:
        columns.append((times - times.mean()) / spread)
    design = np.column_stack(columns)
    logs = np.log([point.joules_per_image for point in points])
    value = float(np.exp((np.linalg.pinv(design) @ logs)[1]))
    if max(bounds) >= 1:
        return Ratio(value, None, None, float("inf"))
    up, down = (
        np.log1p(bounds[0]) - np.log1p(-bounds[1]),
        np.log1p(bounds[1]) - np.log1p(-bounds[0]),
    )
    bound = float(np.expm1(max(up, down)))
    full = np.linalg.matrix_rank(design) == design.shape[1]
    if min(len(fp32), len(int8)) < REPEATS_FOR_AN_INTERVAL or not full:
        return Ratio(value, None, None, bound)
    half = _half_width(design, logs, is_fp32)
    low, high = value * np.exp(-half - down), value * np.exp(half + up)
    return Ratio(value, float(low), float(high), bound)


def _half_width(
    design: NDArray[np.float64], logs: NDArray[np.float64], group: NDArray[np.float64]
) -> float:
    """Half the 95 % interval of the second coefficient, where the two groups' variances differ.

    Each group's variance comes from its residuals (which mix with the other's where the drift is
    fitted), and the degrees of freedom from Satterthwaite, Biometrics Bulletin 2, 1946.
    """
    inverse = np.linalg.pinv(design)
    rest = np.eye(len(logs)) - design @ inverse
    members = np.stack([group == 1, group == 0]).astype(float)
    mixed = members @ rest**2 @ members.T
    squares = members @ (rest @ logs) ** 2
    weights = np.linalg.solve(mixed.T, members @ inverse[1] ** 2)
    variances = np.maximum(np.linalg.solve(mixed, squares), 0.0) @ members
    form = rest * (weights @ members) @ rest
    variance = float(weights @ squares)
    if variance <= 0:
        return 0.0
    spread = form * variances
    freedom = float(np.trace(spread)) ** 2 / float(np.trace(spread @ spread))
    return t_quantile(freedom) * float(np.sqrt(variance))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of a mean by Student's t, in the values' unit; None below 4 values."""
    if len(values) < REPEATS_FOR_AN_INTERVAL:
        return None
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = t_quantile(len(values) - 1) * error
    return mean - half, mean + half


def t_quantile(degrees_of_freedom: float) -> float:
    """Student's t at 97.5 %: half the width of a 95 % interval in standard errors.

    Raises:
        WattscanError: SciPy is not installed.
    """
    stats = plugins.sdk("scipy.stats", "report")
    return float(stats.t.ppf((1 + _CONFIDENCE_RATIO) / 2, degrees_of_freedom))
