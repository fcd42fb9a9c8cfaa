"""Deadlines, clients that go, engines that hang, and one request that breaks a batch."""

import threading
import time

import numpy as np
import pytest
from batches import Doubler, batcher, work
from serving_rig import Engine, in_background

from waiting import wait_until
from wattscan.serving.batching.runner import TensorRunner
from wattscan.serving.errors import Cancelled, DeadlineExceeded, Hanging

pytestmark = pytest.mark.concurrency


@pytest.mark.parametrize("delay", [0.0, 0.01])
def test_whoever_expires_or_goes_while_waiting_is_never_computed(delay):
    engine = Engine()
    engine.gate.clear()
    queue = batcher(TensorRunner(engine), queue_limit=99, max_batch_size=4, queue_delay=delay)
    first, _ = in_background(lambda: queue.run(work()))
    wait_until(lambda: engine.calls == 1)
    gone = []
    cancelled = work(is_alive=lambda: not gone)
    other, results = in_background(lambda: queue.run(cancelled))
    with pytest.raises(DeadlineExceeded):
        queue.run(work(deadline=time.monotonic() + 0.02))
    gone.append(True)  # and nobody wakes it: it is found out when its turn comes
    engine.gate.set()
    first.join()
    other.join(5)
    assert isinstance(results[0], Cancelled)
    assert engine.calls == 1
    assert queue.waiting == 0
    assert queue.run(work())


def test_while_it_hangs_nobody_waits_for_it_and_afterwards_it_serves():
    engine = Engine()
    engine.gate.clear()
    queue = batcher(TensorRunner(engine), queue_limit=99)
    first, _ = in_background(lambda: queue.run(work()))
    wait_until(lambda: engine.calls == 1)
    waiting, results = in_background(lambda: queue.run(work()))
    wait_until(lambda: queue.waiting == 1)
    time.sleep(0.02)
    assert queue.hung_for() >= 0.02
    queue.set_hanging(True)
    waiting.join(5)
    assert isinstance(results[0], Hanging)
    with pytest.raises(Hanging):
        queue.run(work())
    engine.gate.set()
    first.join()
    assert queue.hung_for() == 0
    queue.set_hanging(False)
    assert queue.run(work())


class Picky:
    """Gives the positive rows alone, and cannot bear a row of 99."""

    def __init__(self):
        self.gate = threading.Event()
        self.calls = 0

    def run(self, inputs):
        self.calls += 1
        self.gate.wait(10)
        if (inputs[0] == 99).any():
            raise ValueError("99")
        return [inputs[0][inputs[0][:, 0] > 0]]


def together(runner, values):
    """What each gets who comes while another one is computed."""
    queue = batcher(runner, max_batch_size=8, queue_limit=99)
    first = in_background(lambda: queue.run(work()))
    wait_until(lambda: runner.calls == 1)
    others = [in_background(lambda v=value: queue.run(work(value=v))) for value in values]
    wait_until(lambda: queue.waiting == len(values))
    runner.gate.set()
    for thread, _ in [first, *others]:
        thread.join(10)
    return [results[0] for _, results in others]


def test_nobody_gets_a_strangers_rows_where_rows_are_lost():
    alone, mine = together(Picky(), [-1.0, 7.0])
    assert alone[0].shape == (0, 3)
    np.testing.assert_array_equal(mine[0], np.full((1, 3), 7.0))


def test_what_one_request_breaks_is_not_the_others():
    one, bad, two = together(Picky(), [1.0, 99.0, 2.0])
    np.testing.assert_array_equal(one[0], np.full((1, 3), 1.0))
    np.testing.assert_array_equal(two[0], np.full((1, 3), 2.0))
    assert isinstance(bad, ValueError)


def test_all_of_a_batch_that_hangs_are_told():
    runner = Picky()
    queue = batcher(runner, max_batch_size=8, queue_delay=0.2, queue_limit=99)
    threads = [in_background(lambda: queue.run(work())) for _ in range(3)]
    wait_until(lambda: runner.calls == 1)
    queue.set_hanging(True)
    wait_until(lambda: sum(bool(results) for _, results in threads) == 2)
    assert all(isinstance(results[0], Hanging) for _, results in threads if results)
    runner.gate.set()
    for thread, _ in threads:
        thread.join(10)


def test_who_expires_while_a_batch_gathers_is_not_computed():
    runner = Doubler()
    queue = batcher(runner, max_batch_size=8, queue_delay=0.3, queue_limit=99)
    leader, _ = in_background(lambda: queue.run(work()))
    wait_until(lambda: queue._gathering)
    with pytest.raises(DeadlineExceeded):
        queue.run(work(deadline=time.monotonic() + 0.05))
    leader.join()
    assert runner.batches == [1]
    with pytest.raises(DeadlineExceeded):
        queue.run(work(deadline=time.monotonic() + 0.05))
    assert runner.batches == [1]


def test_what_does_not_fit_a_gathering_batch_takes_a_free_engine():
    runners = [Doubler(), Doubler()]
    queue = batcher(*runners, max_batch_size=8, queue_delay=600, queue_limit=99)
    leader, _ = in_background(lambda: queue.run(work()))
    wait_until(lambda: queue._gathering)
    queue.run(work(rows=8))
    assert queue._gathering
    queue.run(work(rows=7))  # fills the batch
    leader.join()


def test_a_large_request_whose_client_goes_is_not_computed_to_its_end():
    runner = Doubler()
    gone = iter([False, False, False] + [True] * 99)
    with pytest.raises(Cancelled):
        batcher(runner).run(work(rows=50, is_alive=lambda: not next(gone)))
    assert len(runner.batches) < 5
