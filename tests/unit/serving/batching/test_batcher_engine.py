"""What has queued up is computed by a thread of the engine's, until nobody waits."""

import os
import sys
import threading
import time

import pytest
from batches import Doubler, batcher, work
from serving_rig import in_background

from waiting import wait_until
from wattscan.serving.errors import Cancelled, DeadlineExceeded, Hanging

pytestmark = pytest.mark.concurrency


class Watched(Doubler):
    """Notes which thread computes; waits at its gate."""

    def __init__(self):
        super().__init__()
        self.threads, self.niceness = [], []
        self.gate = threading.Event()

    def run(self, inputs):
        self.threads.append(threading.current_thread().name)
        self.niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        assert self.gate.wait(10)
        return super().run(inputs)


def crowd(queue, runner, count, **changes):
    """One that computes, and so many that wait."""
    threads = [in_background(lambda: queue.run(work()))]
    wait_until(lambda: len(runner.threads) == 1)
    for number in range(1, count + 1):
        threads.append(in_background(lambda: queue.run(work(**changes))))
        wait_until(lambda n=number: queue.waiting == n)
    return threads


def end(threads):
    for thread, _ in threads:
        thread.join(10)
        assert not thread.is_alive()
    return [results[0] for _, results in threads]


def test_who_is_alone_computes_in_its_own_thread():
    runner = Watched()
    runner.gate.set()
    queue = batcher(runner)
    for _ in range(3):
        queue.run(work())
    assert set(runner.threads) == {threading.current_thread().name}


def test_those_who_wait_are_computed_in_the_engines_thread_and_then_it_is_free():
    runner = Watched()
    queue = batcher(runner, queue_limit=99)
    threads = crowd(queue, runner, 5)
    runner.gate.set()
    assert all(len(outputs) == 2 for outputs in end(threads))
    assert set(runner.threads[1:]) == {"engine_0"}
    wait_until(lambda: queue._engines._idle)
    queue.run(work())
    assert runner.threads[-1] == threading.current_thread().name


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness on Linux only")
def test_what_waited_gives_way_to_reading_and_answering():
    runner = Watched()
    threads = crowd(batcher(runner, queue_limit=99), runner, 2)
    runner.gate.set()
    end(threads)
    first, *others = runner.niceness
    assert first == os.getpriority(os.PRIO_PROCESS, 0)
    assert set(others) == {min(first + 5, 19)}


def test_after_its_close_those_who_wait_are_served_and_no_thread_is_left():
    runner = Watched()
    queue = batcher(runner, queue_limit=99)
    threads = crowd(queue, runner, 3)
    freed = threading.Event()
    queue.close(freed.set)
    assert not freed.is_set()
    runner.gate.set()
    assert all(len(outputs) == 2 for outputs in end(threads))
    assert freed.wait(5)
    served = batcher(runner, queue_limit=99)
    end([in_background(lambda: served.run(work())) for _ in range(8)])
    served.close(freed.clear)
    wait_until(lambda: not freed.is_set())
    wait_until(lambda: not any(each.is_alive() for each in served._threads._threads))


def test_who_has_to_go_leaves_at_once_and_the_engine_is_free_when_it_has_finished():
    runner = Watched()
    queue = batcher(runner, queue_limit=99)
    first = crowd(queue, runner, 0)
    hasty = in_background(lambda: queue.run(work(deadline=time.monotonic() + 0.2)))
    wait_until(lambda: queue.waiting == 1)
    runner.gate.set()
    runner.gate.clear()
    wait_until(lambda: len(runner.threads) == 2)
    end(first)
    (refused,) = end([hasty])
    assert isinstance(refused, DeadlineExceeded)
    done = []
    queue.close(lambda: done.append(list(runner.batches)))
    assert not done
    runner.gate.set()
    wait_until(lambda: done)
    assert done == [[1, 1]], "once, and after what was computed for nobody"


def test_all_who_wait_for_an_engine_that_hangs_are_told():
    runner = Watched()
    queue = batcher(runner, max_batch_size=2, queue_limit=99)
    threads = crowd(queue, runner, 4)
    runner.gate.set()
    runner.gate.clear()
    wait_until(lambda: len(runner.threads) == 2)  # the engine's thread is in it now, with two
    queue.set_hanging(True)
    told = end(threads)[1:]
    assert all(isinstance(each, Hanging) for each in told)
    queue.set_hanging(False)
    runner.gate.set()
    assert len(queue.run(work())) == 2


def test_who_has_gone_meanwhile_is_not_computed():
    runner = Watched()
    gone = threading.Event()
    queue = batcher(runner, queue_limit=99)
    threads = crowd(queue, runner, 2, is_alive=lambda: not gone.is_set())
    gone.set()
    runner.gate.set()
    _, *others = end(threads)
    assert all(isinstance(each, Cancelled) for each in others)
    assert runner.batches == [1]
    wait_until(lambda: queue._engines._idle)


@pytest.mark.parametrize("error", [MemoryError(), ValueError("a bug")])
@pytest.mark.parametrize("where", ["_gather", "_execute"])
def test_what_goes_wrong_in_its_thread_is_told_to_all_and_it_goes_on(monkeypatch, error, where):
    runner = Watched()
    queue = batcher(runner, queue_limit=99, max_batch_size=2)
    threads = crowd(queue, runner, 4)
    real, failed = getattr(queue, where), []

    def once(*arguments):
        if where == "_gather":
            real(*arguments)  # the others are taken out of the queue already
        if not failed:
            failed.append(True)
            raise error
        return None if where == "_gather" else real(*arguments)

    monkeypatch.setattr(queue, where, once)
    runner.gate.set()
    first, *others = end(threads)
    assert len(first) == 2
    told = [each for each in others if isinstance(each, type(error))]
    assert len(told) == 2
    assert runner.batches == [1, 2]
    wait_until(lambda: queue._engines._idle)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_no_engine_is_lost_where_no_thread_can_be_had(monkeypatch, error):
    runner = Watched()
    queue = batcher(runner, queue_limit=99)
    threads = crowd(queue, runner, 3)

    def refuse(_work):
        raise error

    monkeypatch.setattr(queue._threads, "submit", refuse)
    runner.gate.set()
    assert all(len(outputs) == 2 for outputs in end(threads))
    assert len(set(runner.threads)) == 4
    assert queue._engines._idle


def test_who_was_computed_with_others_keeps_its_own_rows_alone():
    runner = Watched()
    queue = batcher(runner, queue_limit=99, max_batch_size=8)
    threads = crowd(queue, runner, 5)
    runner.gate.set()
    _, *together = end(threads)
    assert runner.batches == [1, 5]
    assert all(array.base is None for outputs in together for array in outputs)
