"""The pool of the request threads."""

import threading
from concurrent.futures import wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattscan.serving.threads import RequestThreads


@pytest.fixture
def pool():
    made = RequestThreads(3, "request")
    yield made
    made.shutdown()


def test_a_call_has_its_result_or_its_error(pool):
    assert pool.submit(pow, 2, exp=5).result(5) == 32
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(5)
    assert pool.submit(str, 1).result(5) == "1", "an error ends no thread"


def test_the_last_idle_thread_works_again(pool):
    gates = [threading.Event() for _ in range(3)]
    calls = [pool.submit(lambda g=g: (g.wait(5), threading.current_thread().name)) for g in gates]
    for gate, call in zip(gates, calls, strict=True):
        gate.set()
        last = call.result(5)[1]
        while not any(thread.name == last for thread in pool._idle):
            pass
    assert pool.submit(lambda: threading.current_thread().name).result(5) == last


def test_calls_beyond_the_threads_wait_in_order(pool):
    gate, order = threading.Event(), []
    blocked = [pool.submit(gate.wait, 5) for _ in range(3)]
    waiting = [pool.submit(order.append, number) for number in range(20)]
    assert not any(call.done() for call in waiting)
    gate.set()
    wait([*blocked, *waiting], 5)
    assert sorted(order) == list(range(20))
    assert len(pool._threads) == 3


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.lists(st.integers(0, 3), max_size=60))
def test_every_call_is_served_once(most, bursts):
    pool, served = RequestThreads(most, "request"), []
    calls = []
    for number, burst in enumerate(bursts):
        calls += [pool.submit(served.append, (number, each)) for each in range(burst)]
    pool.shutdown()
    assert all(call.done() for call in calls)
    assert sorted(served) == [(n, each) for n, burst in enumerate(bursts) for each in range(burst)]
    with pytest.raises(RuntimeError, match="no calls any more"):
        pool.submit(print)


def test_what_waits_at_the_end_can_be_cancelled(pool):
    gate = threading.Event()
    blocked = [pool.submit(gate.wait, 5) for _ in range(3)]
    waiting = pool.submit(print)
    pool.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    gate.set()
    assert all(call.result(5) for call in blocked)
