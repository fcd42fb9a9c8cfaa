"""Whether two domains show one counter."""

import pytest
from parts_rig import count

from wattscan.telemetry.compare import CountComparison
from wattscan.units import Seconds


def compared(power, other, late=(), seconds=1.0, begin=0.0):
    """What two counters count that are renewed every millisecond and read a moment apart."""
    comparison = CountComparison(Seconds(0.001))
    for index in range(int(seconds / 0.005)):
        now = index * 0.005 + 0.0003 * (index % 3)
        after = now + (0.004 if index in late else 0.00005)
        comparison.add(
            Seconds(now),
            [
                count("a", power * (now // 0.001) * 0.001),
                count("b", begin + other * (after // 0.001) * 0.001),
            ],
        )
    counted = comparison.counted()
    return counted["a"] == counted["b"] if counted else None


@pytest.mark.parametrize("begin", [0.0, 7e4])
def test_two_that_show_one_counter_are_one_whatever_delays_a_read(begin):
    assert compared(50.0, 50.0, begin=begin)
    assert compared(50.0, 50.0, late={0, 1, 2, 50, 51, 120, 199}, begin=begin)


@pytest.mark.parametrize("other", [50.5, 51.5, 49.5, 200.0])
def test_two_that_take_nearly_the_same_are_two(other):
    assert compared(50.0, other) is False
    assert compared(other, 50.0) is False


def test_nothing_is_said_before_it_is_known():
    assert compared(50.0, 50.0, seconds=0.5) is None
    assert compared(50.0, 60.0, seconds=0.5) is False


def test_a_counter_that_starts_anew_is_compared_anew():
    comparison = CountComparison(Seconds(0.001))
    for index in range(300):
        now = index * 0.005
        comparison.add(Seconds(now), [count("a", 50.0 * (now % 0.6)), count("b", 60.0 * now)])
    counted = comparison.counted()
    assert not counted or counted["b"] / counted["a"] == pytest.approx(1.2)
