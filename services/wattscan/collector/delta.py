"""What a counter counted between two moments: pure functions.

A window's edges fall between samples, so the counter is interpolated linearly there. A counter that
falls was reset to zero in between, as Prometheus takes it too; how often is always told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattscan.collector.series import FloatArray
from wattscan.units import Seconds

_GAP_INTERVALS = 5.0


@dataclass(frozen=True)
class Increase:
    """What a counter counted, in its own unit, and how often it was reset meanwhile."""

    amount: float
    resets: int


def increase(times: FloatArray, values: FloatArray, start: float, end: float) -> Increase | None:
    """The increase of a counter from `start` to `end`.

    Args:
        times: float64 (N,), Unix seconds, strictly growing.
        values: float64 (N,), the counter.
        start: Unix seconds.
        end: Unix seconds, not before `start`.

    Returns:
        None where the samples do not reach over both edges.
    """
    first = int(times.searchsorted(start, "right")) - 1
    last = int(times.searchsorted(end, "left"))
    if first < 0 or last >= times.size:
        return None
    moments, counts = times[first : last + 1], values[first : last + 1]
    fell = np.diff(counts) < 0
    lost = np.concatenate([[0.0], np.cumsum(np.where(fell, counts[:-1], 0.0))])
    low, high = np.interp([start, end], moments, counts + lost)
    return Increase(float(high - low), int(fell.sum()))


def gap_at(times: FloatArray, moment: float) -> Seconds:
    """The time between the samples before and after a moment; infinite where one is missing."""
    before = int(times.searchsorted(moment, "right")) - 1
    after = int(times.searchsorted(moment, "left"))
    if before < 0 or after >= times.size:
        return Seconds(float("inf"))
    return Seconds(float(times[after] - times[before]))


def missing_at(times: FloatArray, moment: float, usual: Seconds) -> bool:
    """Whether the series is not there at a moment: its samples around it lie further apart than
    five usual intervals, or one of them is missing."""
    return times.size < 2 or gap_at(times, moment) > _GAP_INTERVALS * usual
