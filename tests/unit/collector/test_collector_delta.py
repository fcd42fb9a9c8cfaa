"""The counter arithmetic, by property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.collector.delta import gap_at, increase, missing_at
from wattscan.units import Seconds

_steps = st.lists(
    st.tuples(st.integers(1, 5000), st.floats(0, 1e4, allow_nan=False)), min_size=1, max_size=40
)
_share = st.floats(0, 1)


def counter(steps):
    times = np.cumsum([0, *(step / 1000 for step, _ in steps)])
    return times, np.cumsum([0.0, *(grown for _, grown in steps)])


def inside(times, share):
    return float(times[0] + share * (times[-1] - times[0]))


@given(_steps, _share, _share, _share)
def test_windows_add_up(steps, first, second, third):
    times, values = counter(steps)
    a, b, c = (inside(times, share) for share in sorted([first, second, third]))
    parts = [increase(times, values, *edges) for edges in ((a, b), (b, c), (a, c))]
    assert parts[0].amount + parts[1].amount == pytest.approx(parts[2].amount, rel=1e-9, abs=1e-6)


@given(_steps, _share, _share)
def test_never_negative_and_never_more_than_all(steps, first, second):
    times, values = counter(steps)
    a, b = (inside(times, share) for share in sorted([first, second]))
    counted = increase(times, values, a, b)
    assert -1e-6 <= counted.amount <= values[-1] + 1e-6
    assert counted.resets == 0


@given(_steps, st.floats(0, 1e6), _share, _share)
def test_where_the_counter_began_does_not_matter(steps, offset, first, second):
    times, values = counter(steps)
    a, b = (inside(times, share) for share in sorted([first, second]))
    assert increase(times, values + offset, a, b).amount == pytest.approx(
        increase(times, values, a, b).amount, rel=1e-6, abs=1e-6
    )


@given(st.floats(0.1, 500), _steps, _share, _share)
def test_a_steady_power_gives_power_times_time(power, steps, first, second):
    times, _ = counter(steps)
    a, b = (inside(times, share) for share in sorted([first, second]))
    counted = increase(times, power * times, a, b)
    assert counted.amount == pytest.approx(power * (b - a), rel=1e-9, abs=1e-9)


@given(_steps, st.data())
def test_a_reset_is_counted_and_costs_no_more_than_what_was_lost(steps, data):
    times, values = counter(steps)
    at = data.draw(st.integers(1, len(values) - 1))
    fallen = values.copy()
    fallen[at:] -= values[at - 1]  # starts again at zero right after the sample before
    counted = increase(times, fallen, times[0], times[-1])
    seen = fallen[at] < fallen[at - 1]  # one that grew past its old count at once cannot be seen
    truth = values[-1] if seen else values[-1] - values[at - 1]
    assert counted.amount == pytest.approx(truth, rel=1e-9, abs=1e-6)
    assert counted.resets == int(seen)


def test_several_resets():
    times = np.arange(6.0)
    values = np.array([10.0, 12.0, 1.0, 3.0, 0.5, 2.5])
    counted = increase(times, values, 0, 5)
    assert counted.amount == pytest.approx(2 + 1 + 2 + 0.5 + 2)
    assert counted.resets == 2


def test_a_reset_outside_the_window_is_not_in_it():
    times, values = np.arange(5.0), np.array([5.0, 1.0, 2.0, 3.0, 0.0])
    assert increase(times, values, 1, 3).resets == 0
    assert increase(times, values, 1, 3.5).resets == 1


def test_edges_are_interpolated():
    assert increase(np.array([0.0, 10.0]), np.array([0.0, 100.0]), 2.5, 4.0).amount == 15.0


@pytest.mark.parametrize("edges", [(-0.1, 1.0), (0.0, 2.1)])
def test_nothing_is_made_up_beyond_the_samples(edges):
    assert increase(np.arange(3.0), np.arange(3.0), *edges) is None


def test_gaps():
    times = np.array([0.0, 1.0, 2.0, 3.0, 9.0, 10.0])
    assert gap_at(times, 5.0) == 6.0
    assert gap_at(times, 2.0) == 0.0
    assert gap_at(times, 11.0) == float("inf")
    assert missing_at(times, 5.0, Seconds(1.0))
    assert not missing_at(times, 1.5, Seconds(1.0))
    assert missing_at(times[:1], 0.0, Seconds(1.0))
