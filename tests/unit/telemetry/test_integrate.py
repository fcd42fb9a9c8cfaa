"""Known waveforms integrate to the known energy, within what sampling can promise."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.contracts import EnergyReading, PowerReading
from wattscan.telemetry.domains import Domain, DomainKey, Total
from wattscan.telemetry.integrate import (
    GAP_INTERVALS,
    JUMP,
    NOTHING,
    RESET,
    counter_step,
    power_step,
)
from wattscan.units import Joules, Seconds, Watts

INTERVAL = Seconds(0.1)
KEY = DomainKey("meter", "inlet", "system", "integrated")
WRAPS_AT = 262_143.328850


def sampled(power, times):
    domain = Domain(KEY, 0.01, INTERVAL)
    for t in times:
        domain.add(Seconds(t), PowerReading("inlet", "system", Watts(power(t))))
    return domain


def jittered(duration, seed):
    rng = random.Random(seed)
    inner = [(k + rng.uniform(-0.2, 0.2)) * INTERVAL for k in range(1, round(duration / INTERVAL))]
    return [0.0, *inner, duration]


@given(st.floats(0, 500), st.integers(0, 99))
def test_constant_power_is_exact(watts, seed):
    domain = sampled(lambda _: watts, jittered(10, seed))
    assert domain.energy == pytest.approx(watts * 10, rel=1e-9)
    assert domain.covered == pytest.approx(10)


@given(st.floats(0.05, 0.99), st.floats(0, math.tau), st.integers(0, 99))
def test_power_slower_than_1_hz_is_within_half_a_percent(hertz, phase, seed):
    def power(t):
        return 20 + 10 * math.sin(math.tau * hertz * t + phase)

    def integral(t):
        return 20 * t - 10 * math.cos(math.tau * hertz * t + phase) / (math.tau * hertz)

    domain = sampled(power, jittered(20, seed))
    assert domain.energy == pytest.approx(integral(20) - integral(0), rel=0.005)


@given(st.floats(1, 9), st.floats(1, 100), st.integers(0, 99))
def test_a_step_is_within_half_an_interval_times_the_step(at, height, seed):
    times = jittered(10, seed)
    domain = sampled(lambda t: 5 + (height if t >= at else 0), times)
    longest = max(b - a for a, b in itertools.pairwise(times))
    assert abs(domain.energy - (50 + height * (10 - at))) <= height * longest / 2 + 1e-6


@given(st.lists(st.floats(0, 100), min_size=2, max_size=50), st.floats(0, WRAPS_AT))
def test_a_counter_that_wraps_gives_the_same_energy(steps, start):
    count, total = start, 0.0
    reading = EnergyReading("package-0", "chip", Joules(count), Joules(WRAPS_AT))
    for step in steps:
        count = (count + step) % WRAPS_AT
        following = EnergyReading("package-0", "chip", Joules(count), Joules(WRAPS_AT))
        total += counter_step(reading, following, Seconds(0.1)).energy
        reading = following
    assert total == pytest.approx(sum(steps), abs=1e-6)


def test_over_a_time_in_which_it_may_have_wrapped_twice_a_counter_tells_nothing():
    before = EnergyReading("package-0", "chip", Joules(5000.0), Joules(WRAPS_AT))
    after = EnergyReading("package-0", "chip", Joules(9000.0), Joules(WRAPS_AT))
    assert counter_step(before, after, Seconds(60.0)).energy == 4000.0
    assert counter_step(before, after, Seconds(3600.0)) is RESET
    endless = EnergyReading("package-0", "chip", Joules(9000.0))
    assert counter_step(before, endless, Seconds(3600.0)).energy == 4000.0


@pytest.mark.parametrize("wraps_at", [None, Joules(WRAPS_AT)])
def test_a_counter_that_was_reset_adds_nothing(wraps_at):
    before = EnergyReading("package-0", "chip", Joules(5000.0), wraps_at)
    after = EnergyReading("package-0", "chip", Joules(3.0), wraps_at)
    assert counter_step(before, after, Seconds(0.1)) is RESET


@pytest.mark.parametrize("wraps_at", [0.0, -1.0, 3.0])
def test_a_range_that_cannot_be_never_takes_energy_away(wraps_at):
    before = EnergyReading("package-0", "chip", Joules(9.0), Joules(wraps_at))
    after = EnergyReading("package-0", "chip", Joules(1.0), Joules(wraps_at))
    assert counter_step(before, after, Seconds(0.1)) is RESET


def test_a_gap_is_left_out_and_not_covered():
    at_the_limit = power_step(Watts(10), Watts(10), Seconds(GAP_INTERVALS * 0.1), INTERVAL)
    assert at_the_limit.energy == pytest.approx(5.0)
    over = power_step(Watts(10), Watts(10), Seconds(GAP_INTERVALS * 0.1 + 0.01), INTERVAL)
    assert over is NOTHING


def test_coverage_tells_of_a_gap():
    domain = sampled(lambda _: 10.0, [0.0, 0.1, 0.2, 5.2, 5.3])
    assert domain.energy == pytest.approx(3.0)
    assert domain.covered == pytest.approx(0.3)


def test_a_lost_domain_shows_no_power_and_keeps_its_energy():
    domain = sampled(lambda _: 10.0, [0.0, 0.1])
    domain.lose()
    assert (domain.present, domain.power) == (False, None)
    domain.add(Seconds(0.2), PowerReading("inlet", "system", Watts(10)))
    assert domain.present
    assert domain.energy == pytest.approx(2.0)


def test_a_counters_power_is_its_slope_over_at_least_half_an_interval():
    domain = Domain(DomainKey("rapl", "package-0", "chip", "counter"), 0.05, INTERVAL)
    for t, count in ((0.0, 0.0), (0.1, 6.0), (0.101, 6.0), (0.2, 12.0)):
        domain.add(Seconds(t), EnergyReading("package-0", "chip", Joules(count)))
        if t == 0.101:
            assert domain.power == pytest.approx(60.0)
    assert domain.power == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("scope", "joules", "slack", "step"),
    [
        ("chip", 199.0, 0.0, 199.0),
        ("chip", 201.0, 0.0, JUMP),
        ("chip", 100_000.0, 0.0, JUMP),
        ("system", 1999.0, 0.0, 1999.0),
        ("system", 2001.0, 0.0, JUMP),
        # A counter that is renewed once a second may move by a second's energy in 0.1 s.
        ("chip", 1500.0, 1.0, 1500.0),
    ],
)
@pytest.mark.parametrize("wraps_at", [None, Joules(WRAPS_AT)])
def test_a_count_goes_up_by_no_more_than_a_device_takes(scope, joules, slack, step, wraps_at):
    def count(joules):
        return EnergyReading("package-0", scope, Joules(joules), wraps_at)

    found = counter_step(count(10.0), count(10.0 + joules), Seconds(0.1), Seconds(slack))
    assert found is JUMP if step is JUMP else found.energy == pytest.approx(step)


def test_a_reset_near_the_end_of_the_range_is_no_wrap():
    before = EnergyReading("package-0", "chip", Joules(250_000.0), Joules(WRAPS_AT))
    after = EnergyReading("package-0", "chip", Joules(3.0), Joules(WRAPS_AT))
    assert counter_step(before, after, Seconds(0.1)) is RESET


@pytest.mark.parametrize("odd", [[1e5], [3.0], [0.0, 0.0], [1e5, 3.0], [3.0, 1e5, 7e4]])
@pytest.mark.parametrize("wraps_at", [None, Joules(WRAPS_AT)])
def test_readings_that_do_not_follow_leave_the_energy_right(odd, wraps_at):
    """Torn ones, or a glitch: 60 W before, 60 W after, and nothing of what was between."""
    domain = Domain(DomainKey("rapl", "package-0", "chip", "counter"), 0.05, INTERVAL)

    def add(tick, joules):
        reading = EnergyReading("package-0", "chip", Joules(joules), wraps_at)
        return domain.add(Seconds(tick * INTERVAL), reading)

    for tick in range(20):
        right = 9000.0 + 6.0 * tick
        add(tick, odd[tick - 10] if 10 <= tick < 10 + len(odd) else right)
    assert domain.energy == pytest.approx(19 * 6.0)
    assert domain.covered == pytest.approx(1.9)
    assert domain.power == pytest.approx(60.0)


@pytest.mark.parametrize(("offset", "told"), [(1e5, JUMP), (-9000.0, RESET)])
def test_a_counter_that_goes_on_elsewhere_loses_one_interval(offset, told):
    domain = Domain(DomainKey("rapl", "package-0", "chip", "counter"), 0.05, INTERVAL)
    for tick in range(20):
        count = 9000.0 + 6.0 * tick + (offset if tick >= 10 else 0.0)
        step = domain.add(
            Seconds(tick * INTERVAL), EnergyReading("package-0", "chip", Joules(count))
        )
        assert (step is told) == (tick == 10)
    assert domain.energy == pytest.approx(18 * 6.0)
    assert domain.covered == pytest.approx(1.8)


def test_a_sum_is_of_the_time_that_its_parts_powers_give():
    """One is renewed each second, one each tenth: at a steady power the sum lies on its line."""
    one, other = (Domain(DomainKey("nvml", n, "board", "counter"), 0.01, INTERVAL) for n in "ab")

    def read(tick):
        now = Seconds(tick * INTERVAL)
        for part, watts, of in ((one, 150.0, now), (other, 50.0, tick // 10)):
            count = EnergyReading(part.key.domain, "board", Joules(watts * of))
            part.add(now, count)

    read(0)
    both = Total([one, other])
    for tick in range(1, 60):
        read(tick)
        if tick > 10:  # the slow one has moved: its power is known
            assert both.energy == pytest.approx(200.0 * both.read_at, abs=1e-6)
