"""The statistics of two runs."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.collector.compare_judgement import judged, size
from wattscan.collector.compare_ratio import Estimate, RunRatio, bounds_of, run_ratio
from wattscan.collector.ratio import Ratio

A = (1.00, 1.02, 0.98, 1.01, 0.99, 1.00)
B = (1.20, 1.26, 1.14, 1.23, 1.17, 1.20)


def estimate(repeats, up=0.0, down=0.0, sensor=0.0):
    return Estimate(float(np.mean(repeats)), repeats, up, down, sensor)


def test_scatter_is_welch_s_of_the_relative_errors(stats):
    found = run_ratio(estimate(A), estimate(B))
    squares = [np.var(each, ddof=1) / len(each) / np.mean(each) ** 2 for each in (A, B)]
    freedom = sum(squares) ** 2 / sum(square**2 / 5 for square in squares)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sum(squares))
    assert found.ratio.value == pytest.approx(1.2)
    assert found.ratio.low == pytest.approx(1.2 * math.exp(-half))
    assert found.ratio.high == pytest.approx(1.2 * math.exp(half))


def test_sensors_add_as_squares_and_bounds_whole():
    still = (1.0,) * 6
    sensors = run_ratio(estimate(still, sensor=0.03), estimate(still, sensor=0.04)).ratio
    assert sensors.high == pytest.approx(math.exp(1.96 * 0.05))
    assert sensors.low == pytest.approx(math.exp(-1.96 * 0.05))
    up, down = bounds_of(0.02, 1.0)
    bounds = run_ratio(estimate(still), estimate(still, up, down)).ratio
    assert (bounds.low, bounds.high) == (pytest.approx(0.98), pytest.approx(1.02))
    both = run_ratio(estimate(still, up, down), estimate(still, up, down)).ratio
    assert both.high == pytest.approx(1.02 / 0.98)


def test_a_bound_of_all_the_energy_leaves_the_lower_end_open():
    assert bounds_of(2.0, 1.0) == (pytest.approx(math.log(3)), math.inf)
    found = run_ratio(estimate(A), estimate(B, *bounds_of(2.0, 1.2)))
    assert found.ratio.low == 0.0


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (estimate(A[:3]), estimate(B), "takes 4 repeats .*there are 3"),
        (estimate(A), estimate(B[:2]), "there are 2"),
        (estimate(A), estimate(B, None, None), "an error bound is not on record"),
        (estimate(A, sensor=None), estimate(B), "a sensor's uncertainty is not on record"),
    ],
)
def test_what_is_unknown_gives_no_interval(a, b, why):
    found = run_ratio(a, b)
    assert found.ratio.low is found.ratio.high is None
    assert found.ratio.value == pytest.approx(b.value / a.value)

    assert re.search(why, found.why)


_values = st.lists(st.floats(0.5, 2.0), min_size=4, max_size=8)


@given(_values, _values, st.floats(0, 0.2), st.floats(0, 0.1))
def test_a_against_b_is_b_against_a(one, other, bound, sensor):
    a = estimate(one, *bounds_of(bound, 1.0), sensor)
    b = estimate(other, *bounds_of(bound / 2, 1.0), sensor)
    there, back = run_ratio(a, b).ratio, run_ratio(b, a).ratio
    assert there.value * back.value == pytest.approx(1.0)
    assert there.low * back.high == pytest.approx(1.0)
    assert there.low <= there.value <= there.high


@pytest.mark.parametrize(
    ("low", "high", "outcome", "unproven", "said"),
    [
        (1.06, 1.14, "worse_beyond_threshold", False, "beyond the threshold of 5 %"),
        (1.04, 1.16, "worse", True, "beyond the threshold of 5 % is not shown"),
        (0.99, 1.22, "no_difference_shown", True, "more than 5 % is not ruled out"),
        (1.01, 1.04, "worse", False, "within the threshold of 5 %"),
        (0.97, 1.03, "no_difference_shown", False, "more than 5 % is ruled out"),
        (0.90, 0.98, "better", False, "better by 6.1 % (2.0 % to 10.0 %)"),
    ],
)
def test_what_an_interval_shows(low, high, outcome, unproven, said):
    found = judged(RunRatio(Ratio(math.sqrt(low * high), low, high)), 0.05)
    assert (found.outcome, found.unproven) == (outcome, unproven)
    assert said in found.sentence


@pytest.mark.parametrize(("value", "unproven"), [(1.2, True), (1.05, False), (0.8, False)])
def test_without_an_interval_nothing_is_shown(value, unproven):
    found = judged(RunRatio(Ratio(value, None, None), "of two repeats"), 0.05)
    assert (found.outcome, found.unproven) == ("not_shown", unproven)
    assert "which shows nothing: of two repeats" in found.sentence


def test_what_decides_nothing_has_no_threshold():
    found = judged(RunRatio(Ratio(2.0, 1.9, 2.1)), None)
    assert (found.outcome, found.sentence) == ("worse", "worse by 100 % (90.0 % to 110 %)")


def test_sizes():
    assert [size(each) for each in (0.0, 0.0004, -0.0123, 0.5, 1.234)] == [
        "0.0 %", "less than 0.1 %", "1.2 %", "50.0 %", "123 %"
    ]  # fmt: skip
