"""A counter as it was read: at the times of its readings, not of the scrapes that carried them.

A scrape shows the last reading, so its time is the scrape's stamp less the reading's age, and less
half the time in which the sensor renews its figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wattscan.collector.series import FloatArray, Series
from wattscan.units import Joules, Seconds

# The same reading, scraped again: its age is told to within what making a page takes.
_SAME_READING_SECONDS = 0.1
# A counter in steps goes on by one more or one less again and again.
_LEAST_TURNS, _TURN_RATIO = 3, 0.01


@dataclass(frozen=True)
class Lag:
    """How late a counter's figure is, s.

    A reading is `late` on average, and its time may be off by `unknown`. `interval` is that between
    two readings of power that are joined; 0 for a counter of the hardware's, and for a model.
    `power_ratio` is by which part a power that is taken from two readings of a counter may be off.
    """

    late: Seconds
    unknown: Seconds
    interval: Seconds
    power_ratio: float = 0.0


def lag_of(method: str, interval: Seconds, update_period: Seconds | None, *, age_told: bool) -> Lag:
    """What a sensor's own times leave open (docs/measurement.md, "The error bound").

    Args:
        method: how its energy comes about.
        interval: between two readings, s.
        update_period: between two renewals of what it reads, s. None: not on record, and taken to
            be none.
        age_told: whether the age of each reading is on record. Without it a reading may be a whole
            interval old.
    """
    period = update_period or 0.0
    # A count that is renewed less often than it is read is seen to move within one interval.
    half = min(period, interval) / 2 if method == "counter" else 0.0
    unknown = half if age_told else half + interval
    joined = max(interval, period) if method == "integrated" else 0.0
    blur = half / interval if interval else 0.0
    return Lag(Seconds(half), Seconds(unknown), Seconds(joined), blur)


def by_reading(
    series: Series, age: Series | None, lateness: Series | None, late: Seconds
) -> Series:
    """A counter's samples, each reading once and at its time.

    Args:
        series: the counter, stamped by whoever scraped it.
        age: of its readings, s, from the same scrapes; a sample without one is left out. None: not
            on record, and the stamps are taken as they are.
        lateness: of the pages: their ages count from between 0 and so many seconds after the stamp.
            None: not on record, and taken to be none.
        late: how much older than its reading the figure is on average, s.
    """
    stamps, values = series.times, series.values
    if age is not None:
        _, mine, its = np.intersect1d(stamps, age.times, assume_unique=True, return_indices=True)
        stamps, values = stamps[mine] - np.maximum(age.values[its], 0.0), values[mine]
        if lateness is not None:
            stamps = stamps + np.interp(age.times[its], lateness.times, lateness.values) / 2
    times = np.maximum.accumulate(stamps - late)
    return _once(series, times, values)


def lateness_of(pages: Series, reach: Seconds, least: Seconds) -> Series:
    """How long after its scrape's stamp each page was made, at most, s.

    A page's time less its stamp is how far the target's clock is ahead, and the page's lateness.
    What it is more than both the least before it and the least after it, is taken for lateness: a
    clock that steps is more than one of them only. A page is not later than the next scrape.

    Args:
        pages: Unix seconds by the target's clock, stamped by the recorder's.
        reach: how far away the least is looked for, s: some page within it was made at once.
        least: the shortest that a scrape took, s: all may be late by that.
    """
    ahead, spacing = pages.values - pages.times, pages.median_spacing()
    steps = min(pages.times.size, math.ceil(reach / spacing)) if spacing else 0
    before = _running_minimum(ahead, steps)
    after = _running_minimum(ahead[::-1], steps)[::-1]
    late = ahead - np.maximum(before, after)
    return Series(pages.labels, pages.times, np.where(late < spacing, late, 0.0) + least)


def _running_minimum(values: FloatArray, steps: int) -> FloatArray:
    """Of each value and so many before it."""
    padded = np.concatenate([np.full(steps, np.inf), values])
    least: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, steps + 1).min(axis=1)
    return least


def quantum_of(readings: Series) -> Joules:
    """The step that a counter counts in, J; 0 where none is seen: its power does not go up and down
    as that of such a counter does, by one step more and one less.

    Sources give multiples of 1 mJ (a watt-hour is 3600 J), so it is looked for in these.
    """
    counted, lasted = np.diff(readings.values), np.diff(readings.times)
    power = counted / lasted
    change = np.diff(power)
    change[np.abs(change) <= _TURN_RATIO * np.median(power)] = 0.0
    if (change[1:] * change[:-1] < 0).sum() < _LEAST_TURNS:
        return Joules(0.0)
    steps = np.rint(counted[counted > 0] * 1000).astype(np.int64)
    return Joules(float(np.gcd.reduce(steps)) / 1000)


def _once(series: Series, times: FloatArray, values: FloatArray) -> Series:
    if times.size < 2:
        return Series(series.labels, times, values)
    again = (np.diff(values) == 0) & (np.diff(times) < _SAME_READING_SECONDS)
    kept = np.concatenate([[True], ~again])
    times, values = times[kept], values[kept]
    # Of two readings with one time the later one stays.
    last = np.concatenate([np.diff(times) > 0, [True]])
    return Series(series.labels, times[last], values[last])
