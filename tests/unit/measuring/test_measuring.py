"""What a measurement finds between two moments, by arithmetic that is known."""

import contextlib
import os
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattscan
from fake_rapl import FakeRapl
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


@pytest.fixture
def rapl(tmp_path):
    """A counter that runs at 40 W."""
    rapl = FakeRapl(tmp_path)
    yield rapl
    rapl.end()


@contextlib.contextmanager
def measured(rapl):
    """A measurement that must lie between what the counter itself has gone up by, read inside and
    outside of it: the counter's thread may be late, and the machine busy."""
    outside = rapl.joules()
    with wattscan.measure(sysfs=rapl.root) as m:
        inside = rapl.joules()
        yield m
        inside = rapl.joules() - inside
    outside = rapl.joules() - outside
    assert inside - m.bound_joules - 1e-6 <= m.joules <= outside + m.bound_joules + 1e-6


def test_nested_measurements_and_marks_on_a_counter_that_runs(rapl):
    with measured(rapl) as whole:
        time.sleep(0.3)
        whole.mark("first")
        first = whole.parts["first"]
        with measured(rapl) as inner:
            time.sleep(0.4)
        whole.mark("second")
        time.sleep(0.1)
        whole.mark("first")
    assert whole.method == "counter" and whole.scope == "chip" and whole.coverage_ratio > 0.9
    assert set(whole.parts) == {"first", "second"}
    assert sum(part.seconds for part in whole.parts.values()) <= whole.seconds
    assert whole.parts["first"].joules >= first.joules > 0
    assert inner.joules < whole.joules


def test_threads_each_have_the_whole_device(rapl):
    found = []

    def work():
        with measured(rapl) as own:
            time.sleep(0.3)
        found.append(own.joules)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3


def test_a_counter_that_is_lost_gives_no_figure(rapl):
    with wattscan.measure(sysfs=rapl.root) as lost:
        time.sleep(0.1)
        rapl.unplugged.set()
        while rapl.counter.exists():
            time.sleep(0.01)
    assert lost.joules is None and lost.verdict == "invalid"
    assert lost.reasons[0] in ("sensor_down_at_edge", "sensor_changed")


def test_where_nothing_measures_nothing_is_zero(tmp_path):
    target = tmp_path / "bare.toml"
    target.write_text(
        'title = "bare"\nsample_interval_seconds = 0.1\nqueue_limit = 4\n'
        'sensors = []\n[backend]\nname = "onnxruntime"\n'
    )
    with wattscan.measure(str(target), sysfs=tmp_path) as none:
        pass
    assert none.joules is none.method is none.coverage_ratio is None
    assert none.reasons == ("energy_not_measured",)


def test_a_block_that_takes_no_time_has_no_more_power_than_the_device(tmp_path):
    for _ in range(5):
        with wattscan.measure() as m:
            pass
        if m.method == "modelled":  # 1.48 W idle and 2.76 W per busy core
            assert m.mean_watts is None or m.mean_watts < 1.5 * (
                1.48 + 2.76 * (os.cpu_count() or 1)
            )


def test_an_error_of_the_code_goes_through_and_the_figures_are_there(rapl):
    with pytest.raises(KeyError), wattscan.measure(sysfs=rapl.root) as m:
        raise KeyError
    assert m.seconds >= 0


def test_what_is_used_wrongly_is_told():
    m = wattscan.measure()
    with pytest.raises(RuntimeError, match="when the `with` block has ended"):
        _ = m.joules
    with pytest.raises(RuntimeError, match="inside of"):
        m.mark("x")
    with m, pytest.raises(ValueError, match="has a name"):
        m.mark("")
    m = wattscan.measure()
    with m, pytest.raises(RuntimeError, match="call measure"):
        m.__enter__()
    with pytest.raises(RuntimeError, match="inside of"):
        m.mark("x")
    with pytest.raises(wattscan.WattscanError, match="no target called 'toaster'"):
        wattscan.measure("toaster").__enter__()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_inside_of_a_block_has_no_figure_and_no_error(rapl):
    with wattscan.measure(sysfs=rapl.root) as m:
        child = os.fork()
        if not child:
            try:
                with m.__class__("cpu", rapl.root) as own:
                    time.sleep(0.1)
                m.mark("x")
                m.__exit__(None, None, None)
                os._exit(0 if m.joules is None and own.joules else 2)
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_fork_measures_by_itself(rapl):
    with wattscan.measure(sysfs=rapl.root):
        pass
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with measured(rapl) as own:  # the counter's thread is the parent's, and goes on
            time.sleep(0.2)
        os.write(writer, f"{own.joules}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    joules = os.read(reader, 100)
    os.close(reader)
    os.close(writer)
    assert float(joules) > 0


def test_what_the_package_names_is_there_and_nothing_else_is_loaded_first():
    assert set(wattscan.__all__) <= set(dir(wattscan))
    for name in wattscan.__all__:
        assert getattr(wattscan, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = wattscan.nothing
