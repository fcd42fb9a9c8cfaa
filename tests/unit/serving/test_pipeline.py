import threading
import time

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from wattscan import plugins
from wattscan.contracts import InvalidImage, Mask, ModelCard, ModelFile, Normalisation
from wattscan.serving.errors import (
    Cancelled,
    DeadlineExceeded,
    Draining,
    NotServed,
    QueueFull,
    RequestRefused,
    status_of,
)
from wattscan.serving.models import Models, ServedModel, Turns
from wattscan.serving.observations import Observations
from wattscan.serving.pipeline import ImageRequest, Pipeline
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger, Source
from wattscan.units import Joules, Seconds


class Engine:
    provider = "test"

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.calls = 0

    def infer(self, batch):
        self.calls += 1
        self.gate.wait(10)
        return np.where(batch > 0, 1.0, -1.0).astype(np.float32)

    def close(self):
        pass


class Rig:
    def __init__(self, queue_limit=2):
        self.engine = Engine()
        self.ledger = Ledger()
        self.ledger.set_source(Source("counter", "chip"))
        card = ModelCard(
            "nerve-ultrasound", "int8", "1", "test", Normalisation(100.0, 50.0), (), (), {}
        )
        file = ModelFile("onnx", None, "abc")
        task = plugins.task("nerve-ultrasound")
        model = ServedModel(card, file, task, self.engine, Turns(queue_limit))
        self.registry = CollectorRegistry()
        observations = Observations(load_target("cpu"), self.registry)
        self.pipeline = Pipeline(Models([model]), self.ledger, observations, 64)

    def ask(self, pixels=None, **changes):
        def read():
            if isinstance(pixels, Exception):
                raise pixels
            return np.full((420, 580), 200, np.uint8) if pixels is None else pixels

        request = {"task": "nerve-ultrasound", "precision": "int8", "kind": "segmentation"}
        return self.pipeline.answer(ImageRequest(read_pixels=read, **{**request, **changes}))


@pytest.fixture
def rig():
    return Rig()


def in_background(call):
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.001)


def test_an_answer_has_a_mask_of_the_images_size_and_every_stage(rig):
    answer = rig.ask()
    assert isinstance(answer.result, Mask)
    assert answer.result.pixels.shape == (420, 580)
    assert answer.result.pixels.all()
    assert list(answer.seconds) == [
        "queue", "decode", "preprocess", "infer", "postprocess", "total",
    ]  # fmt: skip
    assert answer.energy.method == "estimated"


def test_stages_are_observed(rig):
    rig.ask()
    labels = {"target": "cpu", "task": "nerve-ultrasound", "precision": "int8"}
    for stage in ("decode", "infer", "total"):
        name = "wattscan_request_duration_seconds_count"
        assert rig.registry.get_sample_value(name, {**labels, "stage": stage}) == 1
    assert rig.registry.get_sample_value("wattscan_batch_size_sum", labels) == 1


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
        rig.ask(precision="fp32")
    with pytest.raises(RequestRefused, match="call Segment"):
        rig.ask(kind="classification")


def test_a_full_queue_refuses(rig):
    rig.engine.gate.clear()
    waiting = [in_background(rig.ask) for _ in range(3)]
    (model,) = rig.pipeline.models
    wait_until(lambda: model.turns.waiting == 2 and rig.engine.calls == 1)
    with pytest.raises(QueueFull):
        rig.ask()
    rig.engine.gate.set()
    for thread, results in waiting:
        thread.join()
        assert isinstance(results[0].result, Mask)


def test_an_expired_request_is_never_computed(rig):
    rig.engine.gate.clear()
    thread, _ = in_background(rig.ask)
    wait_until(lambda: rig.engine.calls == 1)
    with pytest.raises(DeadlineExceeded):
        rig.ask(timeout=0.02)
    rig.engine.gate.set()
    thread.join()
    assert rig.engine.calls == 1


def test_draining_refuses_new_requests_and_waits_for_running_ones(rig):
    rig.engine.gate.clear()
    thread, results = in_background(rig.ask)
    wait_until(lambda: rig.engine.calls == 1)
    assert not rig.pipeline.drain(0.01)
    with pytest.raises(Draining):
        rig.ask()
    rig.engine.gate.set()
    assert rig.pipeline.drain(5)
    thread.join()
    assert isinstance(results[0].result, Mask)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidImage("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (QueueFull("x"), grpc.StatusCode.RESOURCE_EXHAUSTED),
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
        rig.ask(wanted=lambda: False)
    assert rig.engine.calls == 0


def test_a_request_whose_client_goes_meanwhile_is_not_ok(rig):
    start = time.monotonic()
    with pytest.raises(Cancelled):
        rig.ask(wanted=lambda: rig.engine.calls == 0)
    rig.ledger.settle(Seconds(start), Seconds(time.monotonic()), Joules(1.0))
    assert {key.outcome for key in rig.ledger.attributed()} == {"failed"}


def test_only_so_many_are_let_in_at_once():
    turns, inside, most = Turns(limit=64, places=2), [], []

    def work():
        with turns.wait(None):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 12
    assert max(most) == 2
