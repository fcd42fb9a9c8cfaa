"""The error bound: what is true is never further off, and the page's example comes out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.collector.edges import Around, around
from wattscan.collector.readings import Lag, by_reading, lag_of
from wattscan.collector.series import Series
from wattscan.units import Seconds, Watts

NO_LAG = Lag(Seconds(0.0), Seconds(0.0), Seconds(0.0))
POWERS = st.lists(st.floats(0, 300), min_size=2, max_size=12)


@given(POWERS, st.floats(0, 1), st.floats(0.01, 60))
def test_the_truth_is_within_the_bound_whatever_the_power_did_in_between(powers, place, spacing):
    """The power between two readings: constant in equal parts."""
    knots = np.linspace(0, spacing, len(powers) + 1)
    energy = np.concatenate([[0.0], np.cumsum(np.multiply(powers, np.diff(knots)))])
    mean = energy[-1] / spacing
    edge = Around(Seconds(spacing), place, Watts(mean), Watts(min(powers)), Watts(max(powers)))
    off = abs(np.interp(place * spacing, knots, energy) - place * energy[-1])
    assert off <= edge.unresolved() + 1e-6 * (1 + energy[-1])


@given(st.floats(0.01, 60), st.floats(0, 1), st.floats(0, 200), st.floats(0, 200))
def test_a_step_at_the_edge_is_off_by_exactly_the_bound(spacing, place, before, after):
    mean = place * before + (1 - place) * after
    low, high = sorted((before, after))
    edge = Around(Seconds(spacing), place, Watts(mean), Watts(low), Watts(high))
    off = abs(place * spacing * (before - mean))
    assert off <= edge.unresolved() + 1e-9
    assert edge.unresolved() <= spacing * (high - low) / 4 + 1e-9
    if min(place, 1 - place) > 0.5 - 1e-9:
        assert edge.unresolved() == pytest.approx(off)


@given(st.floats(0, 200), st.floats(0, 300), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_burst_between_two_readings_is_within_the_bound(usual, more, place, begin, length):
    """The readings around show nothing of it: only the mean between the two does."""
    knots = np.clip([0, begin, begin + length, 1], 0, 1)
    energy = usual * knots + more * np.clip(knots - begin, 0, knots[2] - begin)
    edge = Around(Seconds(1.0), place, Watts(energy[-1]), Watts(usual), Watts(usual))
    off = abs(np.interp(place, knots, energy) - place * energy[-1])
    assert off <= edge.unresolved() + 1e-6


def device(moments):
    """docs/measurement.md, "By hand": 40 W, and 140 W from 90 s to 160 s. J since 0 s."""
    return np.interp(moments, [0, 90, 160, 400], [0, 3600, 13400, 23000])


def test_the_example_that_is_worked_by_hand():
    times = np.arange(50.63, 200)
    counter = Series({}, times, device(times))
    lag = lag_of("counter", Seconds(0.1), Seconds(0.001), age_told=True)
    bounds, values = {}, {}
    for moment in (60.0, 90.0, 100.0, 160.0):
        edge = around(counter, None, moment, Seconds(10.0))
        bounds[moment] = edge.bound(lag, Seconds(0.01))
        values[moment] = np.interp(moment, times, counter.values)
    assert edge.mean == pytest.approx(77) and (edge.low, edge.high) == pytest.approx((40, 140))
    assert edge.unresolved() == pytest.approx(23.3, abs=0.05)
    assert device(160.0) - values[160.0] == pytest.approx(edge.unresolved())
    gross, idle = values[160.0] - values[100.0], values[90.0] - values[60.0]
    assert gross == pytest.approx(8376.7, abs=0.05)
    assert bounds[100.0] + bounds[160.0] == pytest.approx(26.3, abs=0.1)
    assert idle == pytest.approx(1223.3, abs=0.05)
    idle_bound = bounds[60.0] + bounds[90.0]
    assert idle_bound == pytest.approx(25.2, abs=0.05)
    assert gross - idle * 60 / 30 == pytest.approx(5930, abs=0.5)
    assert bounds[100.0] + bounds[160.0] + 2 * idle_bound == pytest.approx(76.7, abs=0.1)


def test_what_the_gauge_shows_counts_where_phases_are_too_short_for_the_readings():
    times = np.arange(0.0, 200, 30)
    counter, gauge = Series({}, times, 50 * times), Series({}, np.array([61.0]), np.array([140.0]))
    assert around(counter, gauge, 70.0, Seconds(100.0)).high == pytest.approx(50)
    assert around(counter, gauge, 70.0, Seconds(10.0)).high == pytest.approx(140)


def test_a_moment_that_the_readings_do_not_reach_over():
    counter = Series({}, np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    assert around(counter, None, 2.5, Seconds(1.0)) is None
    assert around(counter, None, 0.5, Seconds(1.0)) is None
    assert around(counter, None, 2.0, Seconds(1.0)).unresolved() == 0


@pytest.mark.parametrize(
    ("method", "interval", "renewal", "age_told", "lag"),
    [
        ("counter", 0.1, 0.02, True, (0.01, 0.01, 0.0)),
        ("counter", 0.1, None, True, (0.0, 0.0, 0.0)),
        ("counter", 0.1, None, False, (0.0, 0.1, 0.0)),
        ("counter", 1.0, 60.0, True, (0.5, 0.5, 0.0)),  # seen to move within a reading
        ("integrated", 0.1, 1.0, True, (0.5, 0.0, 1.1)),
        ("integrated", 2.0, 1.0, False, (0.5, 2.0, 3.0)),
        ("modelled", 0.1, 1.0, True, (0.0, 0.0, 0.0)),
    ],
)
def test_what_a_sensor_s_own_times_leave_open(method, interval, renewal, age_told, lag):
    found = lag_of(method, interval, renewal, age_told=age_told)
    assert (found.late, found.unknown, found.interval) == pytest.approx(lag)


def test_a_reading_counts_once_and_at_its_own_time():
    """A sensor that is read each 3 s, scraped each second; a page takes some milliseconds."""
    stamps = np.arange(10.0, 20.0)
    read_at = np.floor(stamps / 3) * 3
    age = Series({}, stamps, stamps - read_at + np.linspace(0, 0.004, stamps.size))
    found = by_reading(Series({}, stamps, 5 * read_at), age, None, Seconds(0.5))
    assert found.times == pytest.approx([8.5, 11.5, 14.5, 17.5], abs=0.005)
    assert found.values == pytest.approx([45, 60, 75, 90])


def test_a_sample_without_an_age_is_left_out_where_others_have_one():
    stamps = np.arange(5.0)
    age = Series({}, stamps[1:], np.full(4, 0.2))
    found = by_reading(Series({}, stamps, stamps * 10), age, None, Seconds(0.0))
    assert found.times == pytest.approx(stamps[1:] - 0.2)


def test_ages_that_go_back_in_time_make_no_time_run_backwards():
    stamps = np.arange(6.0)
    age = Series({}, stamps, np.array([0.0, 0.0, 5.0, 0.0, -3.0, 0.0]))
    found = by_reading(Series({}, stamps, stamps), age, None, Seconds(0.0))
    assert np.all(np.diff(found.times) > 0)
