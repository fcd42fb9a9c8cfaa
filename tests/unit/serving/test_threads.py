"""The pool of the request threads."""

import logging
import os
import queue
import sys
import threading
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattscan.serving.threads import RequestThreads

pytestmark = pytest.mark.concurrency


@pytest.fixture
def pool():
    made = RequestThreads(3, "request")
    yield made
    made.shutdown()


def name_of_the_thread(pool):
    """That which the pool has work."""
    told = queue.Queue()
    pool.submit(lambda: told.put(threading.current_thread().name))
    return told.get(timeout=5)


def block(pool, gate):
    """Have every thread wait for the gate; returns when all do."""
    entered = threading.Barrier(4)
    for _ in range(3):
        pool.submit(lambda: (entered.wait(5), gate.wait(5)))
    entered.wait(5)


@pytest.mark.parametrize("error", [ZeroDivisionError("a name"), SystemExit(1)])
def test_an_error_ends_no_thread_and_is_told_by_its_type(pool, caplog, error):
    def fail():
        raise error

    first = name_of_the_thread(pool)
    with caplog.at_level(logging.ERROR):
        pool.submit(fail)
        assert name_of_the_thread(pool)
        assert first in {thread.name for thread in pool._threads if thread.is_alive()}
        pool.shutdown()  # all of them have said what they have to say
    assert caplog.messages == [f"a call failed: {type(error).__name__}"]


def test_the_last_idle_thread_works_again(pool):
    gates = [threading.Event() for _ in range(3)]
    names = [queue.Queue() for _ in range(3)]

    def work(gate, told):
        gate.wait(5)
        told.put(threading.current_thread().name)

    for gate, told in zip(gates, names, strict=True):
        pool.submit(lambda g=gate, t=told: work(g, t))
    for gate, told in zip(gates, names, strict=True):
        gate.set()
        last = told.get(timeout=5)
        while not any(thread.name == last for thread in pool._idle):
            pass
    assert name_of_the_thread(pool) == last


def test_calls_beyond_the_threads_wait_in_order(pool):
    gate, order = threading.Event(), queue.Queue()
    block(pool, gate)
    for number in range(20):
        pool.submit(lambda n=number: order.put(n))
    assert order.empty()
    gate.set()
    assert sorted(order.get(timeout=5) for _ in range(20)) == list(range(20))
    assert len(pool._threads) == 3


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.lists(st.integers(0, 3), max_size=60))
def test_every_call_is_served_once(most, bursts):
    pool, served = RequestThreads(most, "request"), []
    for number, burst in enumerate(bursts):
        for each in range(burst):
            pool.submit(partial(served.append, (number, each)))
    pool.shutdown()
    assert sorted(served) == [(n, each) for n, burst in enumerate(bursts) for each in range(burst)]
    with pytest.raises(RuntimeError, match="no calls any more"):
        pool.submit(print)


def test_what_waits_at_the_end_can_be_cancelled(pool):
    gate, served = threading.Event(), []
    block(pool, gate)
    pool.submit(lambda: served.append(1))
    pool.shutdown(wait=False, cancel=True)
    gate.set()
    pool.shutdown()
    assert not served


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness on Linux only")
def test_nicer_threads_give_way_and_others_do_not():
    def niceness():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    told = queue.Queue()
    for pool, more in ((RequestThreads(1, "nice", 3), 3), (RequestThreads(1, "request"), 0)):
        pool.submit(lambda: told.put(niceness()))
        assert told.get(timeout=5) == min(niceness() + more, 19)
        pool.shutdown()
