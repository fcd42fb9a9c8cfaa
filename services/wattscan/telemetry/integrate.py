"""From readings to energy: pure functions over pairs of readings."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.contracts import EnergyReading
from wattscan.units import Joules, Seconds, Watts, energy

GAP_INTERVALS = 5
"""Power samples further apart than this many intervals are not joined: the gap is left out."""


@dataclass(frozen=True)
class Step:
    """What one new reading adds: energy, and the time that it accounts for."""

    energy: Joules
    covered: Seconds


NOTHING = Step(Joules(0.0), Seconds(0.0))
STILL = Step(Joules(0.0), Seconds(0.0))
"""Nothing yet: the count has not moved, and its next move covers this time too."""

RESET = Step(Joules(0.0), Seconds(0.0))
"""Nothing either, and to be told: the hardware's counter has started anew."""

MOST_POWER = Watts(2000.0)
"""More than any chip or board takes: what a counter that wraps may have gone on by."""


def counter_step(previous: EnergyReading, current: EnergyReading, elapsed: Seconds) -> Step:
    """The energy between two readings of a counter.

    A count that has gone down has wrapped, where the counter states its range and the wrapped
    difference is under half of it; else it was reset, and what was lost in between is left out. So
    it is over a time in which it can have wrapped unseen.
    """
    difference = current.count - previous.count
    if current.wraps_at is not None and energy(MOST_POWER, elapsed) > current.wraps_at / 2:
        return RESET
    if difference == 0:
        return STILL
    if difference < 0:
        wrapped = difference + (current.wraps_at or 0.0)
        if current.wraps_at is None or not 0 <= wrapped <= current.wraps_at / 2:
            return RESET
        difference = wrapped
    return Step(Joules(difference), elapsed)


def power_step(previous: Watts, current: Watts, elapsed: Seconds, interval: Seconds) -> Step:
    """The energy between two samples of power, by the trapezoidal rule.

    A gap of more than `GAP_INTERVALS` sampling intervals is left out, not bridged.
    """
    if elapsed > GAP_INTERVALS * interval:
        return NOTHING
    return Step(Joules((previous + current) / 2 * elapsed), elapsed)
