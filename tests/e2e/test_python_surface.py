"""What a Python program may use: clients, measurements, tables."""

import asyncio
import io
import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from PIL import Image

import wattscan
from fake_rapl import FakeRapl
from wattscan import plugins

NERVE, CHEST = "nerve-ultrasound", "chest-xray"


@pytest.fixture(scope="module")
def pixels():
    samples = plugins.task(NERVE).phantom(12, seed=9)
    largest = max(range(12), key=lambda index: samples.truth[index].sum())
    return samples.images[largest]


@pytest.fixture
def client(service):
    with wattscan.Client(service.ready["grpc"]) as client:
        yield client


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_mask_of_a_path_of_bytes_and_of_an_array(client, pixels, tmp_path):
    path = tmp_path / "frame.png"
    path.write_bytes(png(pixels))
    answers = [client.segment(image, NERVE) for image in (path, str(path), png(pixels), pixels)]
    for answer in answers:
        assert answer.mask.dtype == np.uint8 and answer.mask.shape == pixels.shape
        assert (answer.mask == answers[0].mask).all() and answer.mask.any()
    receipt = answers[0].receipt
    assert receipt.model == f"{NERVE}-int8" and len(receipt.sha256) == 64
    assert set(receipt.seconds) == {
        "decode", "preprocess", "queue", "infer", "postprocess", "total",
    }  # fmt: skip
    assert 0 < receipt.seconds["infer"] < receipt.seconds["total"]
    assert receipt.joules > 0 and receipt.scope == "chip"


def test_findings_and_tensors(client):
    image = plugins.task(CHEST).phantom(1, seed=9).images[0]
    found = client.classify(image, CHEST, variant="fp32").findings
    assert list(found) == list(plugins.task(CHEST).findings)
    answer = client.infer(f"{NERVE}-fp32", {"image": np.zeros((2, 80, 112, 1), np.float32)})
    assert answer.outputs["mask"].shape == (2, 80, 112, 1)
    assert answer.receipt.model == f"{NERVE}-fp32" and answer.receipt.joules > 0
    assert {model.variant for model in client.models()} == {"fp32", "int8"}


@pytest.mark.parametrize(
    ("call", "status", "said"),
    [
        (lambda c: c.segment(b"no image", NERVE), "INVALID_ARGUMENT", "DICOM, PNG"),
        (lambda c: c.segment(np.zeros((4, 4), np.uint8), "toe"), "NOT_FOUND", NERVE),
        (lambda c: c.classify(np.zeros((4, 4), np.uint8), NERVE), "INVALID_ARGUMENT", "Segment"),
        (lambda c: c.infer("none", {}), "NOT_FOUND", "no such model"),
        (lambda c: c.segment(np.zeros((4, 4), np.uint8), NERVE, timeout=1e-6),
         "DEADLINE_EXCEEDED", ""),
    ],
)  # fmt: skip
def test_a_refusal_has_the_services_status_and_words(client, call, status, said):
    with pytest.raises(wattscan.RequestFailed) as failed:
        call(client)
    assert failed.value.status == status and said in failed.value.message


def test_the_async_client_gives_the_same_answers(service, client, pixels):
    async def ask():
        async with wattscan.AsyncClient(service.ready["grpc"]) as own:
            masks = await asyncio.gather(*(own.segment(pixels, NERVE) for _ in range(8)))
            tensor = {"image": np.ones((1, 80, 112, 1), np.float32)}
            answer = await own.infer(f"{NERVE}-int8", tensor)
            with pytest.raises(wattscan.RequestFailed, match="NOT_FOUND"):
                await own.classify(pixels, "toe")
            return masks, answer, await own.models()

    masks, answer, models = asyncio.run(ask())
    expected = client.segment(pixels, NERVE).mask
    assert all((each.mask == expected).all() for each in masks)
    assert answer.outputs["mask"].shape == (1, 80, 112, 1)
    assert models == client.models()


class Busy(grpc.GenericRpcHandler):
    """Refuses each call twice, with a hint, and then answers with how long the message was."""

    def __init__(self):
        self.seen = []
        self.address = ""

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self.answer)

    def answer(self, message, context):
        self.seen.append(len(message))
        if len(self.seen) <= 2:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", "50"),))
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")
        return b""


@pytest.fixture
def busy():
    handler = Busy()
    options = [("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(2), [handler], options=options)
    handler.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield handler
    server.stop(None)


def test_a_large_message_is_sent_again_until_it_is_taken(busy):
    image = np.zeros((4000, 4000), np.uint16)  # 32 MB: gRPC alone would keep 256 KiB to send again
    with wattscan.Client(busy.address) as client:
        client.classify(image, CHEST)
    assert len(busy.seen) == 3 and min(busy.seen) > 32e6


def test_a_client_that_does_not_try_again_has_the_hint(busy):
    client = wattscan.Client(busy.address, attempts=1)
    with client, pytest.raises(wattscan.RequestFailed, match="the queue is full") as failed:
        client.classify(np.zeros((4, 4), np.uint8), CHEST)
    assert failed.value.status == "RESOURCE_EXHAUSTED" and failed.value.retry_after == 0.05


def energy_of(page):
    """What a service has attributed to requests and to idle time, J, and what it has counted."""
    text = urllib.request.urlopen(page, timeout=10).read().decode()
    names = ("inference_energy_joules", "idle_energy_joules", "energy_joules")
    sums = [
        sum(map(float, re.findall(rf"^wattscan_{name}_total{{.*}} (\S+)$", text, re.MULTILINE)))
        for name in names
    ]
    return sums[0] + sums[1], sums[2]


def test_a_measurement_agrees_with_what_the_service_attributes(
    start_service, nerve_only, pixels, tmp_path
):
    rapl = FakeRapl(tmp_path / "sys")
    try:
        service = start_service("--models", nerve_only, "--sysfs", str(tmp_path / "sys"))
        page = service.ready["metrics"]
        with wattscan.Client(service.ready["grpc"]) as client:
            client.segment(pixels, NERVE)
            with wattscan.measure(sysfs=tmp_path / "sys") as m:
                before = energy_of(page)
                end, told = time.monotonic() + 3, []
                while time.monotonic() < end:
                    told.append(client.segment(pixels, NERVE).receipt)
                after = energy_of(page)
        assert m.method == "counter" and m.joules > 60
    finally:
        rapl.end()
    # The page is as old as its last reading, at either end.
    slack = m.bound_joules + 2 * 40 * 0.25
    attributed, counted = (b - a for a, b in zip(before, after, strict=True))
    assert abs(attributed - m.joules) <= slack and abs(counted - m.joules) <= slack
    assert {receipt.method for receipt in told} <= {"counter", "estimated"}
