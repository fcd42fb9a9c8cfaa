"""Requests are put together, in order of priority, and each gets its own rows back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_rig import Engine, in_background, wait_until

from wattscan.contracts import Batching
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.batching.runner import TensorRunner
from wattscan.serving.batching.work import Work
from wattscan.serving.errors import Cancelled, DeadlineExceeded, Hanging, QueueFull
from wattscan.telemetry.attribution import Ledger


class Doubler:
    """Doubles its rows; holds the size of each batch."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.batches = []
        self.inside = 0

    def run(self, inputs):
        self.inside += 1
        assert self.inside == 1, "two threads in one engine"
        self.batches.append(len(inputs[0]))
        time.sleep(self.seconds)
        self.inside -= 1
        return [inputs[0] * 2, inputs[0].sum(axis=1)]


def work(rows=1, value=1.0, width=3, **changes):
    # No row is as another one: a mix-up would show.
    array = (
        np.full((rows, width), value, np.float32) + np.arange(rows, dtype=np.float32)[:, None] / 64
    )
    return Work([array], rows, Ledger().open("t", "p"), **changes)


def batcher(*runners, **settings_):
    return Batcher(runners, Batching(**settings_))


def test_alone_it_is_computed_at_once():
    one = work(value=3.0)
    outputs = batcher(Doubler()).run(one)
    np.testing.assert_array_equal(outputs[0], np.full((1, 3), 6.0))
    assert one.led
    assert one.batch_size == 1
    assert one.entered <= one.started <= one.finished


def test_those_that_wait_are_computed_together_up_to_the_models_size():
    engine = Engine()
    engine.gate.clear()
    queue = batcher(TensorRunner(engine), max_batch_size=4, queue_limit=99)
    threads = [in_background(lambda: queue.run(work())) for _ in range(1)]
    wait_until(lambda: engine.calls == 1)
    threads += [in_background(lambda: queue.run(work())) for _ in range(6)]
    wait_until(lambda: queue.waiting == 6)
    engine.gate.set()
    for thread, _ in threads:
        thread.join()
    assert engine.batches == [1, 4, 2]


def test_a_batch_that_is_not_full_waits_as_long_as_the_model_says():
    runner = Doubler()
    queue = batcher(runner, max_batch_size=8, queue_delay=0.5, queue_limit=99)
    with ThreadPoolExecutor(8) as pool:
        start = time.monotonic()
        list(pool.map(lambda _: queue.run(work()), range(8)))
        assert time.monotonic() - start < 0.45  # full: it need not wait
    assert sum(runner.batches) == 8
    assert len(runner.batches) <= 2
    start = time.monotonic()
    batcher(runner, max_batch_size=8, queue_delay=0.05).run(work())
    assert time.monotonic() - start >= 0.05


def test_a_request_larger_than_a_batch_is_computed_in_parts():
    runner = Doubler()
    outputs = batcher(runner, max_batch_size=4).run(work(rows=10, value=2.0))
    assert runner.batches == [4, 4, 2]
    np.testing.assert_array_equal(outputs[0][:, 0], 4.0 + np.arange(10) / 32)
    assert outputs[1].shape == (10,)


def test_shapes_that_differ_are_not_put_together():
    engine = Engine()
    engine.gate.clear()
    queue = batcher(TensorRunner(engine), max_batch_size=8, queue_limit=99)
    threads = [in_background(lambda: queue.run(work()))]
    wait_until(lambda: engine.calls == 1)
    threads += [in_background(lambda w=w: queue.run(work(width=w))) for w in (3, 5, 3)]
    wait_until(lambda: queue.waiting == 3)
    engine.gate.set()
    for thread, results in threads:
        thread.join()
        assert not isinstance(results[0], Exception)
    assert sorted(engine.batches) == [1, 1, 2]


def test_priority_one_is_served_before_two():
    engine = Engine()
    engine.gate.clear()
    queue = batcher(TensorRunner(engine), queue_limit=99)
    order = []

    def run(priority):
        queue.run(work(priority=priority))
        order.append(priority)

    threads = [in_background(lambda: queue.run(work()))]
    wait_until(lambda: engine.calls == 1)
    for number, priority in enumerate((2, 2, 1, 1), 1):
        threads.append(in_background(lambda p=priority: run(p)))
        wait_until(lambda n=number: queue.waiting == n)
    engine.gate.set()
    for thread, _ in threads:
        thread.join()
    assert order == [1, 1, 2, 2]


def test_as_many_run_at_once_as_there_are_instances():
    runners = [Doubler(0.02) for _ in range(3)]
    queue = batcher(*runners, queue_limit=99)
    start = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: queue.run(work()), range(6)))
    assert time.monotonic() - start < 0.1
    assert [len(runner.batches) for runner in runners] == [2, 2, 2]


def test_an_engines_error_is_its_batchs_and_the_next_is_served():
    engine = Engine()
    engine.error = RuntimeError("broken")
    queue = batcher(TensorRunner(engine), max_batch_size=4)
    with pytest.raises(RuntimeError, match="broken"):
        queue.run(work())
    engine.error = None
    assert queue.run(work())


def test_a_full_queue_says_when_to_come_again():
    engine = Engine()
    engine.gate.clear()
    queue = batcher(TensorRunner(engine), queue_limit=1)
    threads = [in_background(lambda: queue.run(work()))]
    wait_until(lambda: engine.calls == 1)
    threads.append(in_background(lambda: queue.run(work())))
    wait_until(lambda: queue.waiting == 1)
    with pytest.raises(QueueFull, match="try again in") as caught:
        queue.run(work())
    assert caught.value.retry_after >= 0.01
    engine.gate.set()
    for thread, _ in threads:
        thread.join()


@pytest.mark.parametrize("delay", [0.0, 0.01])
def test_whoever_expires_or_goes_while_waiting_is_never_computed(delay):
    engine = Engine()
    engine.gate.clear()
    queue = batcher(TensorRunner(engine), queue_limit=99, max_batch_size=4, queue_delay=delay)
    first, _ = in_background(lambda: queue.run(work()))
    wait_until(lambda: engine.calls == 1)
    gone = []
    cancelled = work(wanted=lambda: not gone)
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
    queue = batcher(*runners, max_batch_size=8, queue_delay=0.5, queue_limit=99)
    leader, _ = in_background(lambda: queue.run(work()))
    wait_until(lambda: queue._gathering)
    start = time.monotonic()
    queue.run(work(rows=8))
    assert time.monotonic() - start < 0.3
    leader.join()


def test_a_large_request_whose_client_goes_is_not_computed_to_its_end():
    runner = Doubler()
    gone = iter([False, False, False] + [True] * 99)
    with pytest.raises(Cancelled):
        batcher(runner).run(work(rows=50, wanted=lambda: not next(gone)))
    assert len(runner.batches) < 5


@settings(max_examples=40, deadline=None)
@given(
    requests=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.sampled_from([3, 4]), st.booleans()),
        min_size=1,
        max_size=24,
    ),
    batch=st.integers(1, 6),
    instances=st.integers(1, 3),
    delay=st.sampled_from([0.0, 0.002]),
)
def test_under_any_load_each_gets_its_own_rows(requests, batch, instances, delay):
    runners = [Doubler(0.0005) for _ in range(instances)]
    queue = batcher(*runners, max_batch_size=batch, queue_delay=delay, queue_limit=999)
    barrier = threading.Barrier(len(requests))

    def ask(number):
        rows, priority, width, expires = requests[number]
        deadline = time.monotonic() + 0.001 if expires else None
        barrier.wait()
        one = work(rows, float(number), width, priority=priority, deadline=deadline)
        try:
            outputs = queue.run(one)
        except DeadlineExceeded:
            assert expires
            return
        given = one.inputs[0]
        np.testing.assert_array_equal(outputs[0], 2 * given)
        np.testing.assert_array_equal(outputs[1], given.sum(axis=1))

    with ThreadPoolExecutor(len(requests)) as pool:
        list(pool.map(ask, range(len(requests))))
    assert queue.waiting == 0
    assert all(max(runner.batches, default=0) <= batch for runner in runners)
    # Every engine is free again.
    assert sorted(map(id, queue._idle)) == sorted(map(id, runners))
