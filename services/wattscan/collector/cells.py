"""The records that a run is reduced to, before they become tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wattscan.collector.device import ModelFacts
from wattscan.collector.load import Histogram, Queries
from wattscan.collector.ratio import Ratio, mean_interval
from wattscan.collector.served import NOTHING_PROVEN, Served
from wattscan.contracts import PRECISIONS
from wattscan.units import Celsius, Joules, Seconds, Watts

Verdict = Literal["valid", "indicative", "invalid"]
VERDICTS: tuple[Verdict, ...] = ("valid", "indicative", "invalid")
"""From the best to the worst."""


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of several verdicts; `valid` for none."""
    return max(verdicts, key=VERDICTS.index, default="valid")


def in_order(precisions: Iterable[str]) -> list[str]:
    """Each precision once: FP32 and INT8 first, then the others by name."""
    several = set(precisions)
    return [*(p for p in PRECISIONS if p in several), *sorted(several - set(PRECISIONS))]


@dataclass(frozen=True)
class Reason:
    """Why a cell is not `valid`: a stable code, what it makes of the cell, and a sentence."""

    code: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class WindowFigures:
    """One repeat of one variant.

    `start` is when its load began, Unix seconds, and `duration` the load's length, both None where
    the load has not begun or ended. `coverage_ratio` is the lower of idle's and load's;
    `start_temperature` the last one at or before the idle phase's end. `counted_twice`: the counter
    accounts for more than the whole of idle or load; `gauge_ratio` is the power gauge over the
    counter's power where the two disagree; `served` is what contradicts the generator. `state_told`
    and `model_told`: the sensor's state at the edges, and the model, are on record. None: not
    measured, and of `gauge_ratio`: they agree.
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

    @property
    def joules_per_image(self) -> float | None:
        """Gross energy over the images answered, J."""
        return self._per_image(self.gross)

    @property
    def net_joules_per_image(self) -> float | None:
        """Net energy over the images answered, J."""
        return self._per_image(self.net)

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
class Cell:
    """One task in one precision. A figure is the mean over the windows that have it: each window
    counts the same, as in the fit of the ratio."""

    task: str
    precision: str
    windows: tuple[WindowFigures, ...]
    latency: Histogram | None
    models: tuple[ModelFacts, ...]
    reasons: tuple[Reason, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst that any reason makes of it."""
        return worst([reason.verdict for reason in self.reasons])

    def mean(self, figure: Callable[[WindowFigures], float | None]) -> float | None:
        """The mean of a figure over the windows, in the figure's unit."""
        values = self.values(figure)
        return float(np.mean(values)) if values else None

    def interval(
        self, figure: Callable[[WindowFigures], float | None]
    ) -> tuple[float, float] | None:
        """The 95 % interval of that mean; None below 4 repeats."""
        return mean_interval(self.values(figure))

    def values(self, figure: Callable[[WindowFigures], float | None]) -> list[float]:
        """A figure of every window that has it."""
        return [value for value in map(figure, self.windows) if value is not None]

    def quantile(self, ratio: float) -> Seconds | None:
        """A latency percentile over all repeats; None where there are too few queries."""
        return self.latency.quantile(ratio) if self.latency else None


@dataclass(frozen=True)
class TaskRatio:
    """FP32 over INT8 of one task, from gross and from net energy; `note` says why there is none, or
    what is to be known of it."""

    task: str
    gross: Ratio | None
    net: Ratio | None
    note: str = ""

    def saving(self) -> float | None:
        """The part of FP32's gross energy that INT8 saves; below zero where it costs more."""
        return None if self.gross is None else 1 - 1 / self.gross.value


def gross_figure(window: WindowFigures) -> float | None:
    """Picks the gross energy of an image, J."""
    return window.joules_per_image


def net_figure(window: WindowFigures) -> float | None:
    """Picks the net energy of an image, J."""
    return window.net_joules_per_image


def _over(amount: float | None, by: float | None) -> float | None:
    return amount / by if amount is not None and by else None
