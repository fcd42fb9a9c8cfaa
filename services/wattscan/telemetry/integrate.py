"""From readings to energy: pure functions over pairs of readings."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.contracts import EnergyReading, Scope
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

JUMP = Step(Joules(0.0), Seconds(0.0))
"""Nothing either, and to be told: the count has gone up by more than any device takes."""

MOST_POWER = Watts(2000.0)
"""More than any chip or board takes: what a counter that wraps may have gone on by."""
# An inlet may feed a rack.
_MOST_SYSTEM_POWER = Watts(10 * MOST_POWER)


def most_power(scope: Scope) -> Watts:
    """More than what has that scope takes."""
    return _MOST_SYSTEM_POWER if scope == "system" else MOST_POWER


def counter_step(
    previous: EnergyReading,
    current: EnergyReading,
    elapsed: Seconds,
    slack: Seconds = Seconds(0.0),  # noqa: B008 - a number
) -> Step:
    """The energy between two readings of a counter.

    A count that has gone down has wrapped, where the counter states its range and the wrapped
    difference is under half of it and no more than a device takes; else it was reset, and what was
    lost in between is left out. So it is over a time in which it can have wrapped unseen, and where
    it has gone up by more than a device takes.

    Args:
        previous: the earlier one.
        current: the later one.
        elapsed: the time between the two readings.
        slack: how much longer the time may be in which the counter has counted: it renews its count
            at moments of its own.
    """
    most = energy(most_power(current.scope), Seconds(elapsed + slack))
    difference = current.count - previous.count
    if current.wraps_at is not None and energy(MOST_POWER, elapsed) > current.wraps_at / 2:
        return RESET
    if difference == 0:
        return STILL
    if difference < 0:
        wrapped = difference + (current.wraps_at or 0.0)
        if current.wraps_at is None or not 0 <= wrapped <= min(current.wraps_at / 2, most):
            return RESET
        difference = wrapped
    if difference > most:
        return JUMP
    return Step(Joules(difference), elapsed)


def power_step(previous: Watts, current: Watts, elapsed: Seconds, interval: Seconds) -> Step:
    """The energy between two samples of power, by the trapezoidal rule.

    A gap of more than `GAP_INTERVALS` sampling intervals is left out, not bridged.
    """
    if elapsed > GAP_INTERVALS * interval:
        return NOTHING
    return Step(Joules((previous + current) / 2 * elapsed), elapsed)
