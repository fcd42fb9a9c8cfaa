"""The records that a run is reduced to, before they become tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from wattscan.collector.load import Histogram, Queries
from wattscan.collector.model_facts import ModelFacts
from wattscan.collector.ratio import Ratio, mean_interval
from wattscan.collector.reasons import Reason, Verdict, worst
from wattscan.collector.served import NOTHING_PROVEN, Served
from wattscan.units import Celsius, Joules, Seconds, Watts

Kind = Literal["gross", "net"]
KINDS: tuple[Kind, ...] = ("gross", "net")
# A 95 % interval of a normal distribution.
_SENSOR_SIGMAS = 1.96


@dataclass(frozen=True)
class WindowFigures:
    """One repeat of one variant.

    `start` is when its load began, Unix seconds, and `duration` the load's length, both None where
    the load has not begun or ended. `coverage_ratio` is the lower of idle's and load's;
    `start_temperature` the last one at or before the idle phase's end. `counted_twice`: the counter
    accounts for more than the whole of idle or load; `gauge_ratio` is the power gauge over the
    counter's power where the two disagree; `served` is what contradicts the generator, `unsettled`
    says how the generator's counts contradict themselves, or "", `incidents` how often
    each kind of incident interrupted the window. `state_told`, `model_told` and
    `source_told`: the sensor's state at the edges, the model, and the domain that tables read, are
    on record. `gross_bound` and `net_bound` are how far off energy may be by what the record does
    not resolve. None: not measured, and of `gauge_ratio`: they agree.
    """

    repeat: str
    start: float | None
    duration: Seconds | None
    images: float | None
    queries: Queries | None
    gross: Joules | None
    net: Joules | None
    idle_power: Watts | None
    coverage_ratio: float | None
    resets: int
    down_at_edge: bool
    start_temperature: Celsius | None
    throttled: bool
    generator_cpu_ratio: float | None
    idle_duration: Seconds | None = None
    counted_twice: bool = False
    gauge_ratio: float | None = None
    served: Served = NOTHING_PROVEN
    state_told: bool = True
    model_told: bool = True
    source_told: bool = True
    unsettled: str = ""
    incidents: Mapping[str, float] = field(default_factory=dict)
    warmup_duration: Seconds | None = None
    gross_bound: Joules | None = None
    net_bound: Joules | None = None
    latency: Histogram | None = None

    @property
    def joules_per_image(self) -> float | None:
        """Gross energy over the images answered, J."""
        return self._per_image(self.gross)

    @property
    def net_joules_per_image(self) -> float | None:
        """Net energy over the images answered, J."""
        return self._per_image(self.net)

    @property
    def bound_per_image(self) -> float | None:
        """The error bound of the gross energy over the images answered, J."""
        return self._per_image(self.gross_bound)

    @property
    def net_bound_per_image(self) -> float | None:
        """The error bound of the net energy over the images answered, J."""
        return self._per_image(self.net_bound)

    @property
    def power(self) -> float | None:
        """Mean power of the load, W."""
        return _over(self.gross, self.duration)

    @property
    def images_per_second(self) -> float | None:
        """Throughput of the load, 1/s."""
        return _over(self.images, self.duration)

    def _per_image(self, joules: Joules | None) -> float | None:
        return _over(joules, self.images) if self.images and self.images >= 1 else None


@dataclass(frozen=True)
class Figure:
    """A mean over the repeats, J, and what its 95 % interval is made of.

    `scatter` is half the interval of the mean by Student's t, None below 4 repeats; `bound` the
    mean error bound, None where a window has none; `sensor` 1.96 of the sensor's standard
    uncertainty, None where it is not told. Scatter and sensor are independent and add as squares;
    the bound may err to one side in every repeat and is added whole.
    """

    mean: float
    scatter: float | None
    bound: float | None
    sensor: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """From and to; None below 4 repeats, or without a bound."""
        if self.scatter is None or self.bound is None:
            return None
        half = math.hypot(self.scatter, self.sensor or 0.0) + self.bound
        return self.mean - half, self.mean + half

    def times(self, factor: float) -> Figure:
        """The same of something that is so many times as much, in its own unit; `factor` is not
        below zero."""
        parts = (self.mean, self.scatter, self.bound, self.sensor)
        mean, *others = (None if part is None else part * factor for part in parts)
        return Figure(mean or 0.0, *others)


@dataclass(frozen=True)
class Cell:
    """One task in one variant. A figure is the mean over the windows that have it: each window
    counts the same, as in the fit of the ratio.

    `reasons` are why it is not `valid`; `net_reasons` hold for its net energy alone.
    """

    task: str
    precision: str
    windows: tuple[WindowFigures, ...]
    latency: Histogram | None
    models: tuple[ModelFacts, ...]
    reasons: tuple[Reason, ...] = ()
    net_reasons: tuple[Reason, ...] = ()
    sensor_uncertainty_ratio: float | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst that any reason makes of it."""
        return worst([reason.verdict for reason in self.reasons])

    @property
    def net_verdict(self) -> Verdict:
        """The verdict on its net energy, which no figure of the cell is better than."""
        return worst([reason.verdict for reason in (*self.reasons, *self.net_reasons)])

    def mean(self, figure: Callable[[WindowFigures], float | None]) -> float | None:
        """The mean of a figure over the windows, in the figure's unit."""
        values = self.values(figure)
        return float(np.mean(values)) if values else None

    def joules(self, kind: Kind) -> Figure | None:
        """Energy of an image; None where no window has it."""
        pairs = self._bounded(kind)
        if not pairs:
            return None
        values = [value for value, _ in pairs]
        bounds = [bound for _, bound in pairs if bound is not None]
        mean, spread = float(np.mean(values)), mean_interval(values)
        unsure = self.sensor_uncertainty_ratio
        return Figure(
            mean=mean,
            scatter=None if spread is None else (spread[1] - spread[0]) / 2,
            bound=float(np.mean(bounds)) if len(bounds) == len(pairs) else None,
            sensor=None if unsure is None else _SENSOR_SIGMAS * unsure * abs(mean),
        )

    def _bounded(self, kind: Kind) -> list[tuple[float, float | None]]:
        value, bound = _KINDS[kind]
        pairs = [(value(window), bound(window)) for window in self.windows]
        return [(joules, of) for joules, of in pairs if joules is not None]

    def joules_of_windows(self, kind: Kind) -> list[float]:
        """Energy of an image in every window that has it, J."""
        return [joules for joules, _ in self._bounded(kind)]

    def values(self, figure: Callable[[WindowFigures], float | None]) -> list[float]:
        """A figure of every window that has it."""
        return [value for value in map(figure, self.windows) if value is not None]

    def quantile(self, ratio: float) -> Seconds | None:
        """A latency percentile over all repeats; None where there are too few queries."""
        return self.latency.quantile(ratio) if self.latency else None


@dataclass(frozen=True)
class TaskRatio:
    """The reference over a variant of one task, from gross and from net energy; `note` says why
    there is none, or what is to be known of it. Where a task has no variant to compare, `precision`
    is ""."""

    task: str
    precision: str
    gross: Ratio | None
    net: Ratio | None
    note: str = ""

    def saving(self) -> float | None:
        """The part of the reference's gross energy that the variant saves; below zero where it
        costs more."""
        return None if self.gross is None else 1 - 1 / self.gross.value


def bound_ratio(window: WindowFigures, kind: Kind) -> float | None:
    """The error bound of a window over its energy; infinite where that is not above zero, None
    where there is no bound."""
    value, bound = (pick(window) for pick in _KINDS[kind])
    if value is None or bound is None:
        return None
    return bound / value if value > 0 else math.inf


def gross_figure(window: WindowFigures) -> float | None:
    """Picks the gross energy of an image, J."""
    return window.joules_per_image


def net_figure(window: WindowFigures) -> float | None:
    """Picks the net energy of an image, J."""
    return window.net_joules_per_image


_Pick = Callable[[WindowFigures], float | None]
_KINDS: dict[Kind, tuple[_Pick, _Pick]] = {
    "gross": (gross_figure, lambda w: w.bound_per_image),
    "net": (net_figure, lambda w: w.net_bound_per_image),
}


def _over(amount: float | None, by: float | None) -> float | None:
    return amount / by if amount is not None and by else None
