"""What was not watched is not drawn: the traces of a run that was resumed."""

import re
from dataclasses import replace

import numpy as np
from synthetic import Spec, recording

from wattscan.collector.plots import broken, thinned, timeline
from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of
from wattscan.collector.series import Series


def trace(*spans):
    """A series with a sample each second of every span."""
    times = np.concatenate([np.arange(begin, end, 1.0) for begin, end in spans])
    return Series({}, times, np.full(times.size, 20.0))


def test_a_trace_is_broken_where_samples_are_far_apart():
    series = trace((0, 10), (300, 310), (900, 910))
    times, values = broken(series.times, series.values, series)
    assert times[np.isnan(values)].tolist() == [154.5, 604.5]
    assert (np.diff(times) > 0).all()
    assert np.isfinite(values).sum() == 30


def test_a_trace_without_a_gap_is_left_as_it_is():
    # Four that are missing are five spacings, which are joined as those of power are.
    for series in (trace((0, 10), (14, 20)), trace((0, 1)), Series({}, np.empty(0), np.empty(0))):
        times, values = broken(series.times, series.values, series)
        assert times.tolist() == series.times.tolist() and np.isfinite(values).all()


def test_a_long_trace_is_broken_between_what_is_left_of_it():
    series = trace((0, 5_000), (90_000, 95_000))
    times, values = broken(*thinned(series.times, series.values), series)
    (gap,) = np.flatnonzero(np.isnan(values))
    assert 4_900 < times[gap - 1] < 5_000 and 90_000 <= times[gap + 1] < 90_100


def power_lines(measured):
    """How many strokes draw the power."""
    (path,) = re.findall(r'<path d="([^"]*)"[^>]*style="[^"]*--power', timeline(measured))
    return path.count("M ")


def test_the_reports_power_is_not_drawn_across_an_interruption():
    measured = report_of(parse_recording(recording(Spec()).encode(), "r")).measured
    assert power_lines(measured) == 1
    table = measured.device.table
    kept = abs(table.power.times - np.median(table.power.times)) > 120
    cut = Series(table.power.labels, table.power.times[kept], table.power.values[kept])
    device = replace(measured.device, table=replace(table, power=cut))
    assert power_lines(replace(measured, device=device)) == 2
