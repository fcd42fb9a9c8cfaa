"""Calls are ended at their deadlines, and none is kept for its own."""

import gc
import time
import weakref

import pytest
from http2_rig import soon

from wattscan.serving.http2 import deadlines
from wattscan.serving.http2.deadlines import Deadlines


class Call:
    """As much of a stream as is asked for."""

    def __init__(self, seconds):
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.over, self.cancelled = False, False

    def leave(self):
        self.over = True

    def cancel(self):
        self.cancelled = True


@pytest.fixture
def due():
    made = Deadlines(lambda call: call())
    made.start()
    yield made
    made.stop()


def test_each_at_its_time_in_any_order(due):
    calls = [Call(seconds) for seconds in (0.2, 0.0, 100, 0.1, None)]
    for call in calls:
        due.add(call)
    assert soon(lambda: calls[1].cancelled)
    assert not calls[0].over
    assert soon(lambda: calls[0].cancelled and calls[3].cancelled)
    assert [call.over for call in calls] == [True, True, False, True, False]


def test_a_call_that_is_over_is_left_alone(due):
    call = Call(0.05)
    due.add(call)
    call.over = True
    later = Call(0.1)
    due.add(later)
    assert soon(lambda: later.cancelled)
    assert not call.cancelled


def test_no_call_is_kept(due):
    gc.disable()
    try:
        for seconds in (0.02, 1000):
            call = Call(seconds)
            due.add(call)
            seen = weakref.ref(call)
            if seconds < 1:
                assert soon(lambda call=call: call.cancelled)
            del call
            assert soon(lambda seen=seen: seen() is None)
    finally:
        gc.enable()


def test_far_deadlines_of_calls_that_are_over_do_not_pile_up(due, monkeypatch):
    monkeypatch.setattr(deadlines, "_FEW", 10)
    due._most = 10
    kept = [Call(1000) for _ in range(30)]
    for call in kept:
        due.add(call)
    for _ in range(5000):
        due.add(Call(1000))
    assert len(due._due) <= 100
    last = Call(0.01)
    due.add(last)
    assert soon(lambda: last.cancelled)
    assert sum(entry[2]() in kept for entry in due._due) == 30


def test_a_pool_that_takes_nothing_any_more_stops_no_deadline():
    def refuse(call):
        raise RuntimeError

    due = Deadlines(refuse)
    due.start()
    first, second = Call(0.0), Call(0.01)
    due.add(first)
    due.add(second)
    assert soon(lambda: first.over and second.over)
    due.stop()
