"""wattscan.measure around code that runs."""

import contextlib
import os
import threading
import time

import pytest

import wattscan
from fake_rapl import FakeRapl


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
