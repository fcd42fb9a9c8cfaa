"""The reference over a variant: how many times the energy of one image, with its uncertainty."""

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
    """Energy of an image in the reference over that in a variant. `low` and `high` bound the 95 %
    interval, which all variants of a task hold together, None below 4 repeats: of the scatter, and
    of the error bounds, which may move the value by the part `bound`. The sensor's own error is in
    both, and cancels."""

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
    reference: Sequence[Point],
    variant: Sequence[Point],
    bounds: tuple[float, float] = (0.0, 0.0),
    intervals: int = 1,
) -> Ratio | None:
    """Fit log(energy per image) on variant and time, by least squares (docs/measurement.md).

    The drift is fitted from four windows on. The two may scatter differently: the interval is
    Student's t with Satterthwaite's degrees of freedom, which without a drift is Welch's.

    Args:
        reference: its windows.
        variant: its windows.
        bounds: the mean error bound of the two, over their mean energy.
        intervals: how many variants are compared with the reference. Their intervals hold together
            with at least 95 %: each by itself with 1 - 5 % / their number (Bonferroni).

    Returns:
        None where the reference or the variant has no window.
    """
    if not reference or not variant:
        return None
    points = [*reference, *variant]
    is_reference = np.repeat([1.0, 0.0], [len(reference), len(variant)])
    design = _design(points, is_reference)
    logs = np.log([point.joules_per_image for point in points])
    value = float(np.exp((np.linalg.pinv(design) @ logs)[1]))
    if max(bounds) >= 1:
        return Ratio(value, None, None, float("inf"))
    up = np.log1p(bounds[0]) - np.log1p(-bounds[1])
    down = np.log1p(bounds[1]) - np.log1p(-bounds[0])
    bound = float(np.expm1(max(up, down)))
    full = np.linalg.matrix_rank(design) == design.shape[1]
    if min(len(reference), len(variant)) < REPEATS_FOR_AN_INTERVAL or not full:
        return Ratio(value, None, None, bound)
    half = _half_width(design, logs, is_reference, intervals)
    low, high = value * np.exp(-half - down), value * np.exp(half + up)
    return Ratio(value, float(low), float(high), bound)


def _design(points: Sequence[Point], is_reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) or, with a drift, (N, 3)."""
    times = np.array([point.at for point in points])
    spread = float(np.ptp(times))
    columns = [np.ones(len(points)), is_reference]
    if len(points) > 3 and spread > 0:
        columns.append((times - times.mean()) / spread)
    return np.column_stack(columns)


def _half_width(
    design: NDArray[np.float64],
    logs: NDArray[np.float64],
    group: NDArray[np.float64],
    intervals: int,
) -> float:
    """Half the interval of the second coefficient, one of several that hold together with 95 %,
    where the two groups' variances differ.

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
    return t_quantile(freedom, intervals) * float(np.sqrt(variance))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of a mean by Student's t, in the values' unit; None below 4 values."""
    if len(values) < REPEATS_FOR_AN_INTERVAL:
        return None
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = t_quantile(len(values) - 1) * error
    return mean - half, mean + half


def t_quantile(degrees_of_freedom: float, intervals: int = 1) -> float:
    """Student's t at 97.5 %: half the width of a 95 % interval in standard errors; of each of
    several intervals that hold together with at least 95 % (Bonferroni).

    Raises:
        WattscanError: SciPy is not installed.
    """
    # What `scipy.stats.t.ppf` asks; to import all of `stats` takes a second.
    special = plugins.sdk("scipy.special", "collector")
    each = 1 - (1 - _CONFIDENCE_RATIO) / intervals
    return float(special.stdtrit(degrees_of_freedom, (1 + each) / 2))
