"""The benchmark's loads are exact, and its errors are those that theory gives."""

import numpy as np
import pytest

from wattscan.bench.telemetry.errors import CLASSES, measure
from wattscan.bench.telemetry.loads import HIGH, LOADS, LOW

BY_LOAD = {load.name.split()[0].strip(","): load for load in LOADS}
BY_CLASS = {source.name: source for source in CLASSES}


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_a_load_s_energy_is_the_integral_of_its_power(load):
    times = np.linspace(0, 3.7, 370_001)
    power = np.array([load.power(time) for time in times])
    assert load.energy(3.7) == pytest.approx(np.trapezoid(power, times), rel=1e-3)
    assert load.mean(1.2, 3.7) == pytest.approx(
        np.trapezoid(power[120_000:], times[120_000:]) / 2.5, rel=1e-3
    )


def test_the_mean_power_of_each_shape():
    assert BY_LOAD["constant"].mean(0, 5) == pytest.approx(HIGH)
    assert BY_LOAD["square"].mean(0, 4) == pytest.approx((LOW + HIGH) / 2)
    assert BY_LOAD["sawtooth"].mean(0, 6) == pytest.approx((LOW + HIGH) / 2)
    assert BY_LOAD["bursts"].mean(0, 2.7) == pytest.approx(LOW + (HIGH - LOW) / 27)


@pytest.mark.parametrize("source", CLASSES, ids=lambda source: source.name)
def test_a_constant_load_is_read_by_all(source):
    """But for the refresh of a counter at the edges, 50 ms in 5 s."""
    assert measure(BY_LOAD["constant"], source, 5.0, 5, seed=2).most < 0.05 / 5.0


def test_a_counter_errs_by_its_refresh_at_the_edges_only():
    """At most one refresh interval of the full swing at each edge."""
    found = measure(BY_LOAD["square"], BY_CLASS["counter, read at 10 Hz"], 5.0, 40, seed=3)
    assert found.most <= 2 * 0.05 * (HIGH - LOW) / (5.0 * (LOW + HIGH) / 2)


@pytest.mark.parametrize("load", ["square", "sawtooth", "bursts"])
@pytest.mark.parametrize("source", ["counter, read at 10 Hz", "1 s mean, read at 10 Hz"])
def test_no_window_is_a_multiple_of_all_periods_which_would_hide_the_error(load, source):
    """60 s of a 2 s square wave end in the phase in which they began."""
    assert measure(BY_LOAD[load], BY_CLASS[source], 60.0, 20, seed=7).most > 1e-5


def test_more_samples_err_less_and_long_windows_too():
    load = BY_LOAD["bursts"]
    slow, quick = (BY_CLASS[f"power at {rate} Hz"] for rate in (1, 50))
    assert measure(load, quick, 60.0, 20, seed=4).most < measure(load, slow, 60.0, 20, seed=4).most
    assert measure(load, quick, 60.0, 20, seed=4).most < measure(load, quick, 5.0, 20, seed=4).most


def test_jitter_takes_the_bias_from_a_period_that_is_a_multiple_of_the_interval():
    """At a jitter of +/-20 % it was 1.3 %."""
    assert measure(BY_LOAD["sawtooth"], BY_CLASS["power at 10 Hz"], 600.0, 8, seed=5).most < 0.006


def test_the_same_seed_gives_the_same_figures():
    one, other = (measure(LOADS[1], CLASSES[2], 5.0, 5, seed=6) for _ in range(2))
    assert one == other
