"""Loads whose energy is known exactly: power over time, and its integral."""

from __future__ import annotations

import math
from dataclasses import dataclass

LOW, HIGH = 2.0, 10.0
"""Watts: a board that idles, and one at work."""


@dataclass(frozen=True)
class SimulatedLoad:
    """Power that repeats: `LOW` to `HIGH` watts over `period` seconds, in one of four shapes.

    `constant`: always high; `square`: high for the first half; `sawtooth`: rises from low to high;
    `burst`: high for `width` seconds.
    """

    name: str
    shape: str
    period: float = 1.0
    width: float = 0.0

    def power(self, time: float) -> float:
        """Watts at that second."""
        within = time % self.period
        if self.shape == "sawtooth":
            return LOW + (HIGH - LOW) * within / self.period
        return HIGH if within < self._high_for() else LOW

    def energy(self, time: float) -> float:
        """Joules from second 0 to that one."""
        whole, within = divmod(time, self.period)
        return whole * self._first(self.period) + self._first(within)

    def mean(self, start: float, end: float) -> float:
        """Mean watts in between."""
        return (self.energy(end) - self.energy(start)) / (end - start)

    def _high_for(self) -> float:
        return {"constant": math.inf, "square": self.period / 2, "burst": self.width}[self.shape]

    def _first(self, within: float) -> float:
        """Joules of the first so many seconds of a period."""
        if self.shape == "sawtooth":
            return LOW * within + (HIGH - LOW) * within**2 / (2 * self.period)
        return LOW * within + (HIGH - LOW) * min(within, self._high_for())


LOADS = (
    SimulatedLoad("constant", "constant"),
    SimulatedLoad("square, 2 s", "square", period=2.0),
    SimulatedLoad("sawtooth, 3 s", "sawtooth", period=3.0),
    # No divisor of a second, nor of a multiple of a source's refresh.
    SimulatedLoad("bursts of 10 ms, every 0.27 s", "burst", period=0.27, width=0.01),
)
