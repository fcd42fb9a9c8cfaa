"""How far off a counter's figure may be at the edge of a phase: pure functions.

docs/measurement.md, "The error bound", has the derivation. Between two readings, h apart, a counter
is interpolated. With a power between `low` and `high` there, and a mean of m between the two, its
true value at a part u of the way lies off the line by no more than

    h max(min((high - m) u, (m - low)(1 - u)), min((m - low) u, (high - m)(1 - u)))

which is a quarter of h (high - low) at most, and 0 at the readings themselves. Where m itself lies
beyond the powers around, the energy that it is too much or too little by may lie anywhere between
the two readings, and is added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wattscan.collector.readings import Lag
from wattscan.collector.series import FloatArray, Series
from wattscan.units import Joules, Seconds, Watts

# The power around an edge is looked for this many spacings of the readings to both sides.
_SIDE_STEPS = 3


@dataclass(frozen=True)
class Around:
    """A moment between two readings.

    `spacing` lies between these, s; `place` is the part of it that has passed, 0 to 1; `mean` is
    the power between them; `low` and `high` are the least and the greatest power around, which
    `mean` may lie beyond. W.
    """

    spacing: Seconds
    place: float
    mean: Watts
    low: Watts
    high: Watts

    def unresolved(self) -> Joules:
        """The most that interpolation may be off, J."""
        usual = min(max(self.mean, self.low), self.high)
        above, below = self.high - usual, usual - self.low
        u, v = self.place, 1 - self.place
        most = max(min(above * u, below * v), min(below * u, above * v))
        return Joules(self.spacing * (most + abs(self.mean - usual) * max(u, v)))

    def bound(self, lag: Lag, clock: Seconds) -> Joules:
        """The most that the counter's value at this moment may be off, J.

        Args:
            lag: what the sensor's own times leave open.
            clock: how far the moment itself may be off, s.
        """
        late = (lag.unknown + clock) * max(self.high, self.mean)
        joined = lag.interval / 2 * (self.high - self.low)
        return Joules(self.unresolved() + late + joined)


def around(
    counter: Series,
    power: Series | None,
    moment: float,
    shortest: Seconds,
    joined: Seconds = Seconds(0.0),  # noqa: B008 - a number
) -> Around | None:
    """What is known of the time around a moment (Unix seconds).

    Args:
        counter: energy, J, at the times of its readings.
        power: the gauge of the same domain, W; None: there is none.
        moment: the edge.
        shortest: the length of the shortest phase nearby, s. Where the readings are too far apart
            to lie inside it for certain, what the gauge shows counts too.
        joined: in how long a step of the power shows in the counter, s: `Lag.interval`.

    Returns:
        None where the readings do not reach over the moment.
    """
    times, values = counter.times, counter.values
    before = int(times.searchsorted(moment, "right")) - 1
    after = int(times.searchsorted(moment, "left"))
    if before < 0 or after >= times.size:
        return None
    begin, end = float(times[before]), float(times[after])
    spacing = end - begin
    step = max(spacing, counter.median_spacing())
    steps = max(_SIDE_STEPS, math.ceil(joined / step) + 1 if step else 0)
    powers = [_powers(counter, begin, -step, steps), _powers(counter, end, step, steps)]
    if 2 * step > shortest and power is not None:
        reach = _SIDE_STEPS * step
        powers.append(power.between(begin - reach, end + reach))
    mean = float(values[after] - values[before]) / spacing if spacing else 0.0
    if not sum(each.size for each in powers):
        powers.append(np.array([mean]))
    every = np.concatenate(powers)
    low, high = max(0.0, float(every.min())), max(0.0, float(every.max()))
    place = (moment - begin) / spacing if spacing else 0.0
    return Around(Seconds(spacing), place, Watts(mean), Watts(low), Watts(high))


def _powers(counter: Series, edge: float, step: float, most: int) -> FloatArray:
    """The mean power of each step away from an edge, backwards where `step` is below 0: as many as
    the readings reach over."""
    times = counter.times
    reach = (edge - float(times[0])) if step < 0 else (float(times[-1]) - edge)
    steps = min(most, int(reach / abs(step) + 1e-9)) if step else 0
    grid = edge + step * np.arange(steps + 1)
    counts = np.interp(grid, times, counter.values)
    powers: FloatArray = (counts[1:] - counts[:-1]) / (step or 1.0)
    return powers
