import time

import grpc
import numpy as np
import pytest
from serving_rig import Rig, in_background

from waiting import wait_until
from wattscan.contracts import UNKNOWN_ENERGY, EnergyShare, InvalidImage, Mask
from wattscan.serving.decode_limiter import DecodeLimiter
from wattscan.serving.errors import (
    Cancelled,
    DeadlineExceeded,
    Draining,
    NotServed,
    QueueFull,
    RequestRefused,
    status_of,
)
from wattscan.serving.pipeline import total
from wattscan.units import Joules, Seconds

pytestmark = pytest.mark.concurrency


@pytest.fixture
def rig():
    return Rig()


def test_an_answer_has_a_mask_of_the_images_size_and_every_stage(rig):
    mask = rig.ask()
    assert isinstance(mask, Mask)
    assert mask.pixels.shape == (420, 580)
    assert mask.pixels.all()
    assert list(rig.call.seconds) == [
        "queue", "decode", "preprocess", "infer", "postprocess", "total",
    ]  # fmt: skip
    assert rig.call.energy == UNKNOWN_ENERGY, "no source has told anything yet"
    assert rig.call.labels == ("nerve-ultrasound", "int8")


def test_an_answer_has_the_energy_that_is_known(rig):
    now = rig.ledger.clock()
    rig.ledger.settle(Seconds(now - 1), Seconds(now), Joules(1.0))
    rig.ask()
    assert rig.call.energy.method == "estimated" and rig.call.energy.energy > 0


def test_stages_and_batches_are_observed(rig):
    rig.ask()
    labels = {"target": "cpu", "task": "nerve-ultrasound", "precision": "int8"}
    for stage in ("decode", "infer", "total"):
        name = "wattscan_request_duration_seconds_count"
        assert rig.registry.get_sample_value(name, {**labels, "stage": stage}) == 1
    assert rig.registry.get_sample_value("wattscan_batch_size_sum", labels) == 1


def test_statistics_count_what_was_answered_and_what_was_not(rig):
    rig.ask()
    with pytest.raises(InvalidImage):
        rig.ask(InvalidImage("broken"))
    now = rig.model.statistics.snapshot()
    assert (now.inferences, now.executions) == (1, 1)
    assert (now.durations["success"].count, now.durations["fail"].count) == (1, 1)
    assert now.durations["compute_infer"].nanoseconds > 0
    assert now.batches[1].count == 1


def test_energy_goes_to_ok_and_to_failed(rig):
    start = time.monotonic()
    rig.ask()
    with pytest.raises(InvalidImage):
        rig.ask(InvalidImage("broken"))
    rig.ledger.settle(Seconds(start), Seconds(time.monotonic()), Joules(3.0))
    given = rig.ledger.attributed()
    assert {key.outcome for key in given} == {"ok", "failed"}
    assert sum(given.values()) == pytest.approx(3.0)


def test_what_is_not_served_is_told(rig):
    with pytest.raises(NotServed, match="there is: nerve-ultrasound-int8"):
        rig.ask(name="nerve-ultrasound-fp32")
    assert rig.call.labels == ("unknown", "unknown")
    with pytest.raises(RequestRefused, match="call Segment"):
        rig.ask(kind="classification")


def test_a_full_queue_refuses_with_a_hint(rig):
    rig.engine.gate.clear()
    waiting = [in_background(rig.ask) for _ in range(3)]
    wait_until(lambda: rig.model.batcher.waiting == 2 and rig.engine.calls == 1)
    with pytest.raises(QueueFull) as caught:
        rig.ask()
    assert caught.value.retry_after > 0
    rig.engine.gate.set()
    for thread, results in waiting:
        thread.join()
        assert isinstance(results[0], Mask)


def test_an_expired_request_is_never_computed(rig):
    rig.engine.gate.clear()
    thread, _ = in_background(rig.ask)
    wait_until(lambda: rig.engine.calls == 1)
    with pytest.raises(DeadlineExceeded):
        rig.ask(deadline=time.monotonic() + 0.02)
    rig.engine.gate.set()
    thread.join()
    assert rig.engine.calls == 1


def test_the_energy_of_a_call_is_the_sum_of_its_requests():
    one, two = (
        EnergyShare(Joules(1.0), "counter", "chip"),
        EnergyShare(Joules(2.0), "modelled", "chip"),
    )
    assert total(one, two) == EnergyShare(Joules(3.0), "modelled", "chip")
    assert total(one, None) == one
    assert total(None, two) == two
    assert total(None, None) is None


def test_what_has_come_is_answered_and_streams_are_told_to_go_elsewhere(rig):
    rig.engine.gate.clear()
    thread, results = in_background(rig.ask)
    wait_until(lambda: rig.engine.calls == 1)
    assert rig.pipeline.running == 1
    rig.pipeline.end_streams()
    with pytest.raises(Draining):
        rig.ask(of_stream=True)
    rig.engine.gate.set()
    thread.join()
    assert isinstance(rig.ask(), Mask)
    assert rig.pipeline.running == 0
    assert isinstance(results[0], Mask)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidImage("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (QueueFull("x", 1.0), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (NotServed("x"), grpc.StatusCode.NOT_FOUND),
        (Draining("x"), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_refusals_say_why(error, code):
    assert status_of(error) == (code, "x")


def test_a_bug_says_nothing_of_itself_to_the_client():
    code, text = status_of(ValueError("PatientName = DOE^JANE"))
    assert code is grpc.StatusCode.INTERNAL
    assert "DOE" not in text


def test_a_request_that_nobody_waits_for_is_never_computed(rig):
    with pytest.raises(Cancelled):
        rig.ask(is_alive=lambda: False)
    assert rig.engine.calls == 0


def test_a_request_whose_client_goes_meanwhile_is_not_ok(rig):
    start = time.monotonic()
    with pytest.raises(Cancelled):
        rig.ask(is_alive=lambda: rig.engine.calls == 0)
    rig.ledger.settle(Seconds(start), Seconds(time.monotonic()), Joules(1.0))
    assert {key.outcome for key in rig.ledger.attributed()} == {"failed"}


def test_a_waiting_request_that_is_cancelled_leaves_at_once(rig):
    rig.engine.gate.clear()
    thread, _ = in_background(rig.ask)
    wait_until(lambda: rig.engine.calls == 1)
    gone, ends = [], []
    other, results = in_background(lambda: rig.ask(is_alive=lambda: not gone, on_end=ends.append))
    wait_until(lambda: rig.model.batcher.waiting == 1)
    gone.append(True)
    ends[0]()
    other.join(5)
    assert isinstance(results[0], Cancelled)
    assert rig.model.batcher.waiting == 0
    rig.engine.gate.set()
    thread.join()
    assert rig.engine.calls == 1


def test_a_batch_shares_its_energy_by_its_images():
    rig = Rig(max_batch_size=4, queue_limit=8)
    start = time.monotonic()
    rig.engine.gate.clear()
    first, _ = in_background(rig.ask)
    wait_until(lambda: rig.engine.calls == 1)
    others = [in_background(rig.ask) for _ in range(3)]
    wait_until(lambda: rig.model.batcher.waiting == 3)
    time.sleep(0.05)
    rig.engine.gate.set()
    for thread, results in [(first, []), *others]:
        thread.join()
        assert all(isinstance(result, Mask) for result in results)
    assert rig.engine.batches == [1, 3]
    rig.ledger.settle(Seconds(start), Seconds(time.monotonic()), Joules(8.0))
    assert sum(rig.ledger.attributed().values()) == pytest.approx(8.0)
    labels = {"target": "cpu", "task": "nerve-ultrasound", "precision": "int8"}
    assert rig.registry.get_sample_value("wattscan_batch_size_count", labels) == 2
    assert rig.registry.get_sample_value("wattscan_batch_size_sum", labels) == 4
    assert rig.model.statistics.snapshot().executions == 2


def test_only_so_many_are_decoded_at_once():
    turns, inside, most = DecodeLimiter(limit=64, places=2), [], []

    def work():
        with turns.wait(None):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [in_background(work)[0] for _ in range(12)]
    for thread in threads:
        thread.join()
    assert len(most) == 12
    assert max(most) == 2


def test_who_finds_a_place_does_not_count_among_those_that_wait():
    turns = DecodeLimiter(limit=0, places=1)
    with turns.wait(None), pytest.raises(QueueFull):
        turns.wait(None)
    with turns.wait(None):  # free again
        pass


def test_so_many_wait_to_be_decoded_and_no_more_also_after_some_have_waited():
    turns = DecodeLimiter(limit=1, places=1)
    for _ in range(3):
        with turns.wait(None):
            with pytest.raises(DeadlineExceeded):
                turns.wait(0.01)
            waiting, _ = in_background(lambda: turns.wait(5).__exit__(None, None, None))
            wait_until(lambda: turns._waiting == 1)
            with pytest.raises(QueueFull):
                turns.wait(5)
        waiting.join()


def test_pixels_of_any_size_are_taken(rig):
    assert rig.ask(np.zeros((5, 7), np.uint16)).pixels.shape == (5, 7)
