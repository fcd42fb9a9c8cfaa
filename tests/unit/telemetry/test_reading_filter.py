"""Readings that no device gives are not believed; true zeros and equal values are."""

import pytest

from wattscan.contracts import EnergyReading, PowerReading, SensorChoice, TemperatureReading
from wattscan.telemetry.reading_filter import ReadingFilter
from wattscan.units import Celsius, Joules, Seconds, Watts


def doubt(**choice):
    return ReadingFilter(SensorChoice("s", {}, **choice))


def power(watts, stamp=None, domain="inlet"):
    return PowerReading(domain, "system", Watts(watts), stamp)


def count(joules, domain="package-0"):
    return EnergyReading(domain, "chip", Joules(joules))


def refused(made, now, *readings):
    believed, doubted = made.filter(Seconds(now), readings)
    assert not believed
    (reason,) = set(doubted.values())
    return reason


def test_power_below_zero_is_a_fault():
    assert refused(doubt(), 0, power(-0.1)) == "negative"


def test_without_a_floor_zero_is_a_reading():
    rail = power(0.0)
    assert doubt().filter(Seconds(0), [rail]) == ([rail], {})


def test_power_under_the_floor_of_its_domain_is_a_fault():
    made = doubt(floors={"inlet": Watts(0.5)})
    assert refused(made, 0, power(0.0)) == "below_floor"
    assert made.filter(Seconds(1), [power(0.5)])[1] == {}


def test_a_rail_of_zero_beside_an_inlet_of_zero():
    rail = power(0.0, domain="gpu-rail")
    made = doubt(floors={"inlet": Watts(0.5)})
    assert made.filter(Seconds(0), [power(0.0), rail]) == ([rail], {"inlet": "below_floor"})


def test_a_counter_that_hardly_grows_is_under_the_floor_and_recovers():
    made = doubt(floors={"package-0": Watts(1.0)})
    now, joules, reasons = 0.0, 0.0, []
    for watts in (5.0, 0.1, 5.0):
        for _ in range(20):
            now, joules = now + 0.1, joules + watts * 0.1
            doubted = made.filter(Seconds(now), [count(joules)])[1]
            reasons.append(doubted.get("package-0", ""))
    assert set(reasons[:20]) == {""}
    # Told by the mean of a second, whose begin may lie before the fall.
    assert set(reasons[31:40]) == {"below_floor"}
    assert set(reasons[51:]) == {""}


def test_two_quick_readings_of_a_counter_that_refreshes_slowly_are_no_zero():
    made = doubt(floors={"package-0": Watts(1.0)})
    for now, joules in ((0.0, 1.0), (0.01, 1.0), (0.02, 1.0), (0.1, 1.5)):
        assert made.filter(Seconds(now), [count(joules)])[1] == {}


def test_equal_values_are_not_frozen():
    made = doubt(frozen_after=Seconds(1))
    for now in range(100):
        assert made.filter(Seconds(now), [power(4.0)])[1] == {}


@pytest.mark.parametrize(
    "still",
    [count(7.0), power(4.0, stamp=3.0), TemperatureReading("camera", Celsius(40.0), 3.0)],
    ids=["counter", "power", "temperature"],
)
def test_a_source_whose_own_time_or_count_stands_still_is_frozen(still):
    made = doubt(frozen_after=Seconds(2))
    for now in (0.0, 1.0, 2.0):
        assert made.filter(Seconds(now), [still])[1] == {}
    assert refused(made, 2.1, still) == "frozen"
    assert refused(made, 9.0, still) == "frozen"


def test_what_was_frozen_is_believed_when_it_moves():
    made = doubt(frozen_after=Seconds(2))
    made.filter(Seconds(0), [power(4.0, 1.0)])
    assert refused(made, 3, power(5.0, 1.0)) == "frozen"
    assert made.filter(Seconds(4), [power(4.0, 2.0)])[1] == {}


def test_a_domain_that_counts_nothing_does_not_silence_the_others():
    made = doubt(frozen_after=Seconds(2))
    made.filter(Seconds(0), [count(1.0), count(0.0, "psys")])
    believed, reasons = made.filter(Seconds(3), [count(9.0), count(0.0, "psys")])
    assert [reading.domain for reading in believed] == ["package-0"]
    assert reasons == {"psys": "frozen"}


def test_a_counter_may_stand_still_where_the_target_says_so():
    made = doubt(frozen_after=Seconds(0))
    for now in range(100):
        assert made.filter(Seconds(now), [count(7.0)])[1] == {}


def test_a_coarse_counter_is_judged_when_it_moves():
    """Once a minute, 5 W: between two steps it seems to take nothing."""
    made = doubt(floors={"package-0": Watts(0.5)}, frozen_after=Seconds(120))
    for now in range(300):
        assert made.filter(Seconds(now), [count(now // 60 * 300.0)])[1] == {}
