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
_PART_OF_A_STEP, _WHOLE_STEPS = 0.05, 0.9


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


def lag_of(
    method: str,
    interval: Seconds,
    update_period: Seconds | None,
    *,
    age_told: bool,
    summed: bool = False,
) -> Lag:
    """What a sensor's own times leave open (docs/measurement.md, "The error bound").

    Args:
        method: how its energy comes about.
        interval: between two readings, s.
        update_period: between two renewals of what it reads, s. None: not on record, and taken to
            be none.
        age_told: whether the age of each reading is on record. Without it a reading may be a whole
            interval old.
        summed: it is a sum of counts that are not renewed together.
    """
    period = update_period or 0.0
    if method == "integrated":
        # What is read was renewed up to a period ago: a step is seen that late.
        unknown = 0.0 if age_told else interval
        return Lag(Seconds(period / 2), Seconds(unknown), Seconds(interval + period))
    if method != "counter":
        return Lag(Seconds(0.0), Seconds(0.0 if age_told else interval), Seconds(0.0))
    # A count that is renewed less often than it is read is seen to move within one interval.
    half = min(period, interval) / 2
    unknown = half + (0.0 if age_told else interval) + (period / 2 if summed else 0.0)
    return Lag(Seconds(half), Seconds(unknown), Seconds(0.0), half / interval if interval else 0.0)


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


def lateness_of(pages: Series, durations: Series | None, reach: Seconds) -> Series:
    """How long after its scrape's stamp each page was made, at most, s.

    A page's time less its stamp is how far the target's clock is ahead, and the page's lateness.
    What it is more than both the least before it and the least after it, is taken for lateness: a
    clock that steps is more than one of them only. How late these were themselves, no page shows;
    the quickest scrape among them says the most that it can be.

    Args:
        pages: Unix seconds by the target's clock, stamped by the recorder's.
        durations: of their scrapes, s; None: not on record, and the least are taken to be on time.
        reach: how far away the least is looked for, s.
    """
    ahead, spacing = pages.values - pages.times, pages.median_spacing()
    steps = min(pages.times.size, math.ceil(reach / spacing)) if spacing else 0
    late = ahead - np.maximum(*_running_minima(ahead, steps))
    # A page is not later than the next scrape.
    late = np.where(late < spacing, late, 0.0)
    if durations is None:
        return Series(pages.labels, pages.times, late)
    took = np.interp(pages.times, durations.times, durations.values)
    late = np.minimum(took, late + np.maximum(*_running_minima(took, steps)))
    return Series(pages.labels, pages.times, late)


def _running_minima(values: FloatArray, steps: int) -> tuple[FloatArray, FloatArray]:
    """Of each value and so many before it, and of it and so many after it."""
    return _least_before(values, steps), _least_before(values[::-1], steps)[::-1]


def _least_before(values: FloatArray, steps: int) -> FloatArray:
    padded = np.concatenate([np.full(steps, np.inf), values])
    least: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, steps + 1).min(axis=1)
    return least


def quantum_of(readings: Series) -> Joules:
    """The step that a counter counts in, J; 0 where none is seen.

    Such a counter goes on by one step more and one less, again and again: what it turns by is the
    step, and all that it counts differs by whole steps (a correction's offset stays beside them).
    """
    counted, lasted = np.diff(readings.values), np.diff(readings.times)
    if counted.size < _LEAST_TURNS:
        return Joules(0.0)
    power = counted / lasted
    change = np.diff(power)
    change[np.abs(change) <= _TURN_RATIO * np.median(power)] = 0.0
    turns = np.flatnonzero(change[1:] * change[:-1] < 0) + 1
    if turns.size < _LEAST_TURNS:
        return Joules(0.0)
    turned = np.abs(np.diff(counted))[np.concatenate([turns - 1, turns])]
    turned = turned[turned > _TURN_RATIO * np.median(counted)]
    if not turned.size:
        return Joules(0.0)
    step = float(np.median(turned))
    up = counted[counted >= 0]
    steps = (up - up.min()) / step
    whole = np.abs(steps - np.rint(steps)) < _PART_OF_A_STEP
    return Joules(step if whole.mean() > _WHOLE_STEPS else 0.0)


def _once(series: Series, times: FloatArray, values: FloatArray) -> Series:
    if times.size < 2:
        return Series(series.labels, times, values)
    again = (np.diff(values) == 0) & (np.diff(times) < _SAME_READING_SECONDS)
    kept = np.concatenate([[True], ~again])
    times, values = times[kept], values[kept]
    # Of two readings with one time the later one stays.
    last = np.concatenate([np.diff(times) > 0, [True]])
    return Series(series.labels, times[last], values[last])
