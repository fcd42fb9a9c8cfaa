"""Requests are put together, in order of priority, and each gets its own rows back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from batches import Doubler, batcher, work
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_rig import Engine, in_background

from waiting import wait_until
from wattscan.serving.batching.runner import TensorRunner
from wattscan.serving.errors import DeadlineExceeded, QueueFull

pytestmark = pytest.mark.concurrency


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
    queue = batcher(runner, max_batch_size=8, queue_delay=600, queue_limit=99)
    with ThreadPoolExecutor(8) as pool:
        start = time.monotonic()
        list(pool.map(lambda _: queue.run(work()), range(8)))
        assert time.monotonic() - start < 60  # full: it need not wait
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
    requests = [work(priority=priority) for priority in (2, 2, 1, 1)]
    threads = [in_background(lambda: queue.run(work()))]
    wait_until(lambda: engine.calls == 1)
    for number, request in enumerate(requests, 1):
        threads.append(in_background(lambda r=request: queue.run(r)))
        wait_until(lambda n=number: queue.waiting == n)
    engine.gate.set()
    for thread, _ in threads:
        thread.join()
    assert sorted(requests, key=lambda each: each.started) == [*requests[2:], *requests[:2]]


def test_as_many_run_at_once_as_there_are_instances():
    all_three = threading.Barrier(3)

    class Meeting(Doubler):
        def run(self, inputs):
            all_three.wait(60)
            return super().run(inputs)

    runners = [Meeting() for _ in range(3)]
    queue = batcher(*runners, queue_limit=99)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: queue.run(work()), range(6)))
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
    # Who is answered need not wait for the engine's thread to see that nobody is left.
    wait_until(lambda: len(queue._engines._idle) == instances)
    assert sorted(map(id, queue._engines._idle)) == sorted(map(id, runners))
