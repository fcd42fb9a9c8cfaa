"""The service, from outside: real images, bad input, and what it says of itself."""

import io
import re
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import grpc
import numpy as np
import pytest
from bad_requests import BAD, GOOD, INT8, dicom_bytes, request
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from PIL import Image

from wattscan.artifacts import find_cards
from wattscan.installation import models_folder
from wattscan.plugins import task
from wattscan.wire import wattscan_v1_pb2 as pb

ULTRASOUND = [
    ("examples_rgb_color.dcm", 1, (240, 320)),  # lymph node
    ("examples_ybr_color.dcm", 30, (240, 320)),  # cardiac cine loop
    ("examples_palette.dcm", 1, (350, 800)),
]


def page(service):
    with urllib.request.urlopen(service.ready["metrics"]) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("precision", [pb.PRECISION_FP32, INT8])
@pytest.mark.parametrize(("name", "frames", "size"), ULTRASOUND)
def test_real_ultrasound_frames_are_segmented(service, name, frames, size, precision):
    data = dicom_bytes(name)
    for frame in {0, frames // 2, frames - 1}:
        answer = service.stub.Segment(request(pb.Image(encoded=data, frame=frame), precision))
        mask = np.frombuffer(answer.mask.pixels, np.uint8)
        assert (answer.mask.height, answer.mask.width) == size
        assert mask.size == size[0] * size[1]
        assert set(np.unique(mask)) <= {0, 1}


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pb.Image(encoded=buffer.getvalue())


@pytest.mark.parametrize("precision", [pb.PRECISION_FP32, INT8])
@pytest.mark.parametrize("name", ["nerve-ultrasound", "brain-mri"])
def test_what_the_phantom_shows_is_found(service, name, precision):
    samples = task(name).phantom(12, seed=4242)
    dice = []
    for image, truth in zip(samples.images, samples.truth, strict=True):
        answer = service.stub.Segment(request(png(image), precision, name))
        mask = np.frombuffer(answer.mask.pixels, np.uint8).reshape(truth.shape)
        dice.append((2 * (mask & truth).sum() + 1) / (mask.sum() + truth.sum() + 1))
    assert np.mean(dice) > 0.7


@cache
def forty_radiographs():
    return task("chest-xray").phantom(40, seed=4242)


@pytest.mark.parametrize("precision", [pb.PRECISION_FP32, INT8])
def test_the_phantoms_findings_are_told_apart(service, precision):
    chest = task("chest-xray")
    samples = forty_radiographs()
    rows = []
    for image in samples.images:
        message = pb.ClassifyRequest(task=chest.name, precision=precision, image=png(image))
        findings = service.stub.Classify(message).findings
        assert [finding.name for finding in findings] == list(chest.findings)
        assert all(0 <= finding.probability <= 1 for finding in findings)
        rows.append([finding.probability for finding in findings])
    # The metric looks at the order alone: probabilities do as well as logits.
    assert chest.score(np.array(rows, np.float32), samples.truth) > 0.65


def test_the_receipt_has_the_model_the_stages_and_the_energy(service):
    data = dicom_bytes("examples_rgb_color.dcm")
    unnamed = []  # seconds of each request that no stage has
    for _ in range(20):
        receipt = service.stub.Segment(request(pb.Image(encoded=data))).receipt
        stages = receipt.timings
        parts = [stages.decode_seconds, stages.preprocess_seconds, stages.queue_seconds]
        parts += [stages.infer_seconds, stages.postprocess_seconds]
        assert all(part > 0 for part in parts)
        unnamed.append(stages.total_seconds - sum(parts))
    # The quickest of twenty: the machine may do something else at any moment.
    assert all(seconds >= 0 for seconds in unnamed) and min(unnamed) < 0.05
    (card,) = [c for c in find_cards(models_folder()) if c.name == "nerve-ultrasound-int8"]
    assert receipt.model.name == card.name
    assert receipt.model.version == card.version
    assert receipt.model.sha256 in {file.sha256 for file in card.files}
    assert receipt.energy.joules > 0
    assert receipt.energy.method in ("modelled", "counter", "integrated", "estimated")
    assert receipt.energy.scope in ("chip", "board", "system")


def test_the_same_pixels_in_any_container_give_the_same_mask(service):
    pixels = task("nerve-ultrasound").phantom(1, seed=9).images[0]
    masks = []
    for kind in ("PNG", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        masks.append(service.stub.Segment(request(pb.Image(encoded=buffer.getvalue()))).mask)
    raw = pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=pixels.shape, data=pixels.tobytes())
    masks.append(service.stub.Segment(request(pb.Image(raw=raw))).mask)
    assert masks[0] == masks[1] == masks[2]


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_status_and_a_sentence_and_the_next_request_is_served(service, case):
    message, code, text = BAD[case]
    with pytest.raises(grpc.RpcError) as caught:
        service.stub.Segment(message)
    assert caught.value.code().name == code
    assert text in caught.value.details()
    assert service.stub.Segment(request(GOOD)).mask.height == 240


@pytest.mark.parametrize("precision", [pb.PRECISION_UNSPECIFIED, INT8])
def test_a_variant_is_named_by_its_name_or_by_the_enumeration(service, precision):
    named = pb.SegmentRequest(
        task="nerve-ultrasound", variant="int8", precision=precision, image=GOOD
    )
    assert service.stub.Segment(named).receipt.model.name == "nerve-ultrasound-int8"
    listed = service.stub.ListModels(pb.ListModelsRequest()).models
    assert {(model.precision, model.variant) for model in listed} == {
        (pb.PRECISION_FP32, "fp32"), (pb.PRECISION_INT8, "int8")
    }  # fmt: skip


def test_the_wrong_method_names_the_right_one(service):
    message = pb.ClassifyRequest(task="nerve-ultrasound", precision=INT8, image=GOOD)
    with pytest.raises(grpc.RpcError) as caught:
        service.stub.Classify(message)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "call Segment" in caught.value.details()


def test_bytes_that_are_no_message_do_not_stop_it(service):
    call = service.channel.unary_unary("/wattscan.v1.ImagingService/Segment")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff" * 100)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "not a wattscan.v1.SegmentRequest" in caught.value.details()
    assert service.stub.Segment(request(GOOD)).mask.height == 240


def test_many_clients_at_once(service):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: service.stub.Segment(request(GOOD)), range(64)))
    assert len({answer.mask.pixels for answer in answers}) == 1


def test_health_and_reflection(service):
    health = health_pb2_grpc.HealthStub(service.channel)
    for name in ("", "wattscan.v1.ImagingService"):
        status = health.Check(health_pb2.HealthCheckRequest(service=name)).status
        assert status == health_pb2.HealthCheckResponse.SERVING
    names = ProtoReflectionDescriptorDatabase(service.channel).get_services()
    assert {"wattscan.v1.ImagingService", "grpc.health.v1.Health"} <= set(names)


def test_models_are_listed(service):
    models = service.stub.ListModels(pb.ListModelsRequest()).models
    assert {m.identity.name for m in models} >= {"nerve-ultrasound-fp32", "nerve-ultrasound-int8"}
    (one,) = [m for m in models if m.identity.name == "nerve-ultrasound-int8"]
    assert list(one.input_shape) == [80, 112, 1]
    assert (one.kind, one.precision) == ("segmentation", INT8)


def test_the_metrics_page_counts_what_was_answered(service):
    service.stub.Segment(request(GOOD))
    with pytest.raises(grpc.RpcError):
        service.stub.Segment(request(GOOD, name="SECRET^PATIENT"))
    text = page(service)
    assert re.search(r'wattscan_requests_total\{code="OK",precision="int8",.*\} [1-9]', text)
    refused = r'wattscan_requests_total\{code="NOT_FOUND",precision="unknown",.*\} [1-9]'
    assert re.search(refused, text)
    # What a client writes is no label.
    assert "SECRET" not in text
    assert "SECRET" not in service.log.read_text()
    for name in ("infer", "decode", "queue", "total"):
        assert f'stage="{name}"' in text
    assert re.search(r"wattscan_inference_energy_joules_total\{.*\} [0-9.e-]+", text)
    assert 'use="table"' in text


def test_promtool_accepts_the_page(service, need_program):
    promtool = need_program("promtool", "prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page(service), capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stderr == ""


def test_no_patient_data_reaches_the_log(service):
    log = service.log.read_text()
    assert "Traceback" not in log
    for line in log.splitlines():
        assert " ERROR " not in line, line
