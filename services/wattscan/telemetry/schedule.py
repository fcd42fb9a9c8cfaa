"""When a sensor is read."""

from __future__ import annotations

import random

from wattscan.units import Seconds

# A whole interval's: at less, samples keep their phase to a periodic load, and its edges bias the
# energy however long the window (`make benchmark-telemetry`).
_JITTER = 0.5


class Schedule:
    """Every `interval`, with jitter, which does not add up.

    Those of one interval, begin and seed fall due together: to wake a processor that idles is what
    a reading costs most.
    """

    def __init__(self, interval: Seconds, now: float, seed: float | None = None) -> None:
        self.interval = interval
        self._random = random.Random(seed)  # noqa: S311
        self.due = now
        self._begin = now
        self._tick = 0
        self.advance(now)

    def advance(self, now: float) -> None:
        """It is read now: set when it is due next."""
        # A machine that slept or stalled skips ticks instead of catching up.
        self._tick = max(self._tick + 1, int((now - self._begin) / self.interval) + 1)
        jitter = self._random.uniform(-_JITTER, _JITTER)
        self.due = self._begin + (self._tick + jitter) * self.interval
