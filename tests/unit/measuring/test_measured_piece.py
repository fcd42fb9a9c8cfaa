"""What two readings make of a piece."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.measuring.figures import Energy, Moment, added, between
from wattscan.telemetry.domains import DomainKey

RAPL = DomainKey("rapl", "package-0", "chip", "counter")
BEGIN = Moment(
    100.0, RAPL, energy=50.0, covered=30.0, read_at=99.999, power=20.0, update_period=0.001,
    uncertainty_ratio=0.02, later_energy=50.04, later_power=20.0,
)  # fmt: skip
END = replace(BEGIN, at=110.0, energy=250.0, covered=40.001, read_at=110.0, later_energy=250.02)
MODELLED = replace(RAPL, method="modelled")
INTEGRATED = replace(RAPL, method="integrated")


def test_a_measured_piece():
    found = between(BEGIN, END)
    # Half-way between what was shown at the edges and a renewal later.
    assert found.seconds == 10.0 and found.joules == pytest.approx(250.01 - 50.02)
    assert found.coverage_ratio == pytest.approx(1.0)
    assert found.mean_watts == pytest.approx(20.0, rel=1e-3)
    assert found.bound_joules == pytest.approx(0.01 + 0.02, rel=1e-3)
    assert (found.sensor, found.domain, found.scope) == ("rapl", "package-0", "chip")
    assert (found.method, found.uncertainty_ratio, found.verdict) == ("counter", 0.02, "valid")


@pytest.mark.parametrize(
    ("begin", "end", "verdict", "reason"),
    [
        ({}, {"covered": 39.0}, "invalid", "coverage_below_98_percent"),
        ({}, {"interruptions": 1}, "invalid", "counter_reset"),
        ({}, {"later_energy": 260.0}, "indicative", "error_bound_too_large"),
        ({"key": INTEGRATED}, {"key": INTEGRATED, "later_power": 3000.0}, "indicative",
         "error_bound_too_large"),
        ({"key": MODELLED}, {"key": MODELLED}, "indicative", "modelled_power"),
    ],
)  # fmt: skip
def test_what_speaks_against_a_figure(begin, end, verdict, reason):
    found = between(replace(BEGIN, **begin), replace(END, **end))
    assert found.joules == pytest.approx(200.0, abs=found.bound_joules + 0.02)
    assert found.verdict == verdict and reason in found.reasons


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [
        (Moment(100.0), Moment(110.0), "energy_not_measured"),
        (BEGIN, Moment(110.0), "sensor_down_at_edge"),
        (Moment(100.0), END, "sensor_down_at_edge"),
        (BEGIN, replace(END, key=replace(RAPL, domain="psys")), "sensor_changed"),
    ],
)
def test_what_was_not_measured_is_none_and_never_zero(begin, end, reason):
    found = between(begin, end)
    assert found.joules is found.mean_watts is found.bound_joules is None
    assert found.seconds == 10.0
    assert found.reasons == (reason,) and found.verdict == "invalid"


@pytest.mark.parametrize(
    "end",
    [
        replace(BEGIN, at=100.0005),  # no new reading
        # Shorter than what its edges leave open.
        replace(BEGIN, at=100.001, read_at=100.001, energy=50.03, later_energy=50.06),
    ],
)
def test_a_piece_that_is_too_short_for_the_sensor_has_no_figure(end):
    short = between(BEGIN, end)
    assert short.joules is short.mean_watts is short.bound_joules is None
    assert short.verdict == "invalid" and short.reasons == ("not_resolved",)
    assert added(between(BEGIN, END), short).joules is None


@given(
    powers=st.lists(st.floats(0.1, 1000.0), min_size=40, max_size=40),
    begin=st.floats(1.0, 1.5), length=st.floats(0.01, 2.0), phase=st.floats(0.0, 1.0),
)  # fmt: skip
def test_the_bound_holds_whatever_the_load_does_within_a_renewal(powers, begin, length, phase):
    """A counter that renews its figure each 0.1 s; the load changes each 0.1 s, not together."""

    def true(t):
        whole = int(t / 0.1)
        return sum(0.1 * p for p in powers[:whole]) + (t - 0.1 * whole) * powers[whole]

    def shown(t):
        return true(0.1 * (int(t / 0.1 - phase) + phase))

    def moment(t):
        return Moment(
            t, RAPL, energy=shown(t), covered=t, read_at=t, power=powers[int(t / 0.1) - 1],
            update_period=0.1, later_energy=shown(t + 0.1 + 1e-9),
        )  # fmt: skip

    end = begin + length
    found, truth = between(moment(begin), moment(end)), true(end) - true(begin)
    if found.joules is None:
        assert found.reasons == ("not_resolved",)
    else:
        assert abs(found.joules - truth) <= found.bound_joules + 1e-6


def test_a_counter_that_stands_still_at_the_end_has_covered_a_part():
    stopped = between(BEGIN, replace(END, at=120.0))
    assert stopped.coverage_ratio == pytest.approx(0.5, rel=0.01)
    assert "coverage_below_98_percent" in stopped.reasons and stopped.verdict == "invalid"


def test_pieces_of_one_name_are_added():
    one, other = (
        between(BEGIN, END),
        between(BEGIN, replace(END, energy=350.0, later_energy=350.02)),
    )
    both = added(one, other)
    assert both.joules == one.joules + other.joules == pytest.approx(500.0, rel=1e-3)
    assert both.seconds == 20.0
    assert both.bound_joules == one.bound_joules + other.bound_joules
    assert both.verdict == "valid" and both.reasons == ()
    assert added(one, Energy(1.0, reasons=("energy_not_measured",))).joules is None
    assert added(one, replace(other, sensor="nvml")).reasons == ("sensor_changed",)
