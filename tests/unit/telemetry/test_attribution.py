"""What the requests get, plus idle, is what the device used."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_rig import Clock, in_service, joules, ledger_of, total

from wattscan.contracts import UNKNOWN_ENERGY
from wattscan.telemetry.attribution import Ledger, LedgerSource
from wattscan.units import Joules, Seconds


def serve(ledger, clock, seconds, share=1.0, ok=True, task="t"):
    account = ledger.open(task, "fp32")
    with in_service(account, share):
        clock.now += seconds
    return account.close(ok)


def test_a_lone_request_gets_its_whole_interval(clock):
    ledger = ledger_of(clock)
    clock.now = 0.04
    serve(ledger, clock, 0.005)
    clock.now = 0.1
    ledger.settle(Seconds(0), Seconds(0.1), Joules(2.0))
    assert joules(ledger) == pytest.approx(2.0)
    assert ledger.idle() == {"counter": 0.0}


def test_an_interval_without_a_request_is_idle(clock):
    ledger = ledger_of(clock)
    ledger.settle(Seconds(0), Seconds(0.1), Joules(2.0))
    assert ledger.idle() == {"counter": 2.0}
    assert ledger.attributed() == {}


def test_energy_goes_by_image_seconds(clock):
    ledger = ledger_of(clock)
    serve(ledger, clock, 0.01, task="short")
    serve(ledger, clock, 0.03, task="long")
    ledger.settle(Seconds(0), Seconds(0.1), Joules(4.0))
    assert joules(ledger, "short") == pytest.approx(1.0)
    assert joules(ledger, "long") == pytest.approx(3.0)


def test_a_batch_counts_once(clock):
    """Four images share an execution as long as another request's: half of the energy, in all."""
    ledger = ledger_of(clock)
    batch = [ledger.open("batch", "fp32") for _ in range(4)]
    for account in batch:
        account.start(1 / 4)
    clock.now += 0.02
    for account in batch:
        account.stop()
        account.close(ok=True)
    serve(ledger, clock, 0.02, task="single")
    ledger.settle(Seconds(0), Seconds(0.1), Joules(8.0))
    assert joules(ledger, "batch") == pytest.approx(4.0)
    assert joules(ledger, "single") == pytest.approx(4.0)


def test_a_request_across_intervals_gets_its_part_of_each(clock):
    ledger = ledger_of(clock)
    account = ledger.open("t", "fp32")
    with in_service(account):
        clock.now = 0.1
        ledger.settle(Seconds(0), Seconds(0.1), Joules(1.0))
        assert ledger.held() == pytest.approx(1.0)
        clock.now = 0.15
    account.close(ok=True)
    clock.now = 0.2
    ledger.settle(Seconds(0.1), Seconds(0.2), Joules(3.0))
    assert joules(ledger) == pytest.approx(4.0)
    assert ledger.held() == 0


def test_failed_work_keeps_its_share(clock):
    ledger = ledger_of(clock)
    serve(ledger, clock, 0.01, ok=False)
    ledger.settle(Seconds(0), Seconds(0.1), Joules(1.0))
    assert joules(ledger, outcome="failed") == pytest.approx(1.0)


def test_the_response_has_an_estimate_until_it_is_settled(clock):
    ledger = ledger_of(clock)
    serve(ledger, clock, 0.1)
    ledger.settle(Seconds(0), Seconds(0.1), Joules(2.0))
    account = ledger.open("t", "fp32")
    with in_service(account):
        clock.now += 0.05
    share = account.close(ok=True)
    assert share.method == "estimated"
    assert share.energy == pytest.approx(1.0)
    account = ledger.open("t", "fp32")
    with in_service(account):
        clock.now = 0.2
    ledger.settle(Seconds(0.1), Seconds(0.2), Joules(14.0))
    share = account.close(ok=True)
    assert (share.method, share.scope) == ("counter", "chip")
    assert share.energy == pytest.approx(7.0)


def test_a_modelled_figure_is_never_called_anything_else(clock):
    ledger = ledger_of(clock, "modelled")
    clock.now = 1.0
    ledger.settle(Seconds(0.9), Seconds(1.0), Joules(1.0))
    assert serve(ledger, clock, 0.05).method == "modelled"


def test_without_a_source_there_is_no_figure(clock):
    assert serve(Ledger(clock), clock, 0.05) == UNKNOWN_ENERGY


def test_before_the_first_interval_nothing_is_known(clock):
    """A source that is there and has told nothing: 0 J would be a figure."""
    ledger = Ledger(clock)
    ledger.set_source(LedgerSource("counter", "chip"))
    assert serve(ledger, clock, 0.05) == UNKNOWN_ENERGY


def test_what_a_silent_source_does_not_tell_is_unknown_and_what_it_told_is_not(clock):
    ledger = ledger_of(clock, "counter")
    clock.now = 1.0
    ledger.settle(Seconds(clock.now - 0.1), Seconds(clock.now), Joules(1.0))
    assert serve(ledger, clock, 0.05).energy == pytest.approx(0.5)
    ledger.falls_silent()
    assert serve(ledger, clock, 0.05) == UNKNOWN_ENERGY
    ledger.settle(Seconds(clock.now - 0.2), Seconds(clock.now), Joules(2.0))
    assert serve(ledger, clock, 0.05).method == "estimated"


event = st.one_of(
    st.tuples(st.just("open"), st.sampled_from(["a", "b"]), st.sampled_from([1.0, 0.5, 0.125])),
    st.tuples(st.just("wait"), st.floats(1e-4, 0.2)),
    st.tuples(st.just("stop"), st.integers(0, 9)),
    st.tuples(st.just("close"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("settle"), st.floats(0, 50)),
)


@given(st.lists(event, max_size=60))
def test_energy_is_conserved_under_any_schedule(events):
    clock = Clock()
    ledger = ledger_of(clock)
    running, stopped, energy, since = [], [], 0.0, 0.0
    for kind, *args in events:
        if kind == "open":
            running.append(ledger.open(args[0], "fp32"))
            running[-1].start(args[1])
        elif kind == "wait":
            clock.now += args[0]
        elif kind == "stop" and running:
            stopped.append(running.pop(args[0] % len(running)))
            stopped[-1].stop()
        elif kind == "close" and stopped:
            stopped.pop(args[0] % len(stopped)).close(args[1])
        elif kind == "settle" and clock.now > since:
            ledger.settle(Seconds(since), Seconds(clock.now), Joules(args[0]))
            energy, since = energy + args[0], clock.now
        assert total(ledger) == pytest.approx(energy)
    for account in running:
        account.stop()
    for account in (*running, *stopped):
        account.close(ok=True)
    clock.now += 1
    ledger.settle(Seconds(since), Seconds(clock.now), Joules(1.0))
    assert ledger.held() == 0
    assert total(ledger) == pytest.approx(energy + 1.0)


def test_finished_accounts_are_forgotten(clock):
    ledger = ledger_of(clock)
    for _ in range(100):
        serve(ledger, clock, 0.001)
    ledger.settle(Seconds(0), Seconds(clock.now), Joules(1.0))
    assert len(ledger._active) == 0
    assert joules(ledger) == pytest.approx(1.0)


def test_real_time_by_default():
    ledger = Ledger()
    ledger.set_source(LedgerSource("counter", "chip"))
    account = ledger.open("t", "fp32")
    start = time.monotonic()
    with in_service(account):
        time.sleep(0.01)
    account.close(ok=True)
    ledger.settle(Seconds(start), Seconds(time.monotonic()), Joules(3.0))
    assert joules(ledger) == pytest.approx(3.0)


def finish(ledger, count):
    for _ in range(count):
        account = ledger.open("nerve-ultrasound", "int8")
        with in_service(account):
            pass
        account.close(ok=True)


def test_without_a_source_nothing_is_kept_of_a_request_that_is_over():
    ledger = Ledger()
    finish(ledger, 1000)
    assert len(ledger._active) <= 1


def test_a_source_that_has_fallen_silent_costs_a_bounded_memory():
    ledger = Ledger()
    ledger.set_source(LedgerSource("counter", "chip"))
    finish(ledger, 120_000)
    assert len(ledger._active) <= 100_000


def test_energy_after_a_silence_is_conserved_and_goes_to_the_youngest(monkeypatch, clock):
    monkeypatch.setattr("wattscan.telemetry.attribution._MOST_FINISHED", 3)
    ledger = ledger_of(clock)
    for task in "abcde":
        serve(ledger, clock, 0.01, task=task)
    ledger.settle(Seconds(0), Seconds(1), Joules(6.0))
    assert [joules(ledger, task) for task in "abcde"] == pytest.approx([0, 0, 2, 2, 2])
    assert total(ledger) == pytest.approx(6.0)
    assert not ledger._active and not ledger._finished


def test_a_request_in_service_when_the_source_is_found_has_its_share(clock):
    ledger = Ledger(clock)
    account = ledger.open("t", "fp32")
    with in_service(account):
        clock.now = 1.0
        ledger.set_source(LedgerSource("counter", "chip"))
        clock.now = 2.0
    account.close(ok=True)
    ledger.settle(Seconds(1), Seconds(2), Joules(3.0))
    assert joules(ledger) == pytest.approx(3.0)


def test_an_estimate_never_exceeds_the_devices_power(clock):
    """A short request in a long interval: the next one does not draw the whole interval's energy
    in its own few milliseconds."""
    ledger = ledger_of(clock)
    serve(ledger, clock, 0.002)
    clock.now = 0.1
    ledger.settle(Seconds(0), Seconds(0.1), Joules(0.4))
    share = serve(ledger, clock, 0.01)
    assert share.energy == pytest.approx(0.01 * 4.0)
