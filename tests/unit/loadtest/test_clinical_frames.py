"""The serving benchmark's clinical cells: the frames, the requests, their checks, their tables."""

import argparse
import importlib.util
import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from loadtest.serving import bare, calls, frames, networks, repository, servers, tables
from loadtest.serving.networks import TASKS, BenchmarkError
from loadtest.serving.results import CEILING, MeasuredServer, Results, Sample
from loadtest.serving.window import TimedStretch
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as typed

SEGMENTATIONS = ("nerve-ultrasound", "brain-mri")
OURS = MeasuredServer("wattscan-typed", "typed")
DICOM = np.frombuffer(b"a file", np.uint8)
MASK = np.eye(8, dtype=np.uint8)
PROBABILITIES = np.linspace(0.1, 0.9, 3, dtype=np.float32)


@pytest.mark.parametrize(
    ("task", "modality", "rows", "columns", "allocated", "stored"),
    [
        ("nerve-ultrasound", "US", 480, 640, 8, 8),
        ("brain-mri", "MR", 256, 256, 16, 16),
        ("chest-xray", "DX", 2048, 2048, 16, 12),
    ],
)
def test_a_frame_is_as_its_modality_writes_it(task, modality, rows, columns, allocated, stored):
    content = frames.frame(task)
    assert content == frames.frame(task)
    found = pydicom.dcmread(io.BytesIO(content))
    assert found.Modality == modality
    assert (found.Rows, found.Columns) == (rows, columns)
    assert (found.BitsAllocated, found.BitsStored, found.HighBit) == (allocated, stored, stored - 1)
    # Over the whole range of its bits, not only over a phantom's 8.
    assert 1 << stored - 1 < found.pixel_array.max() < 1 << stored
    assert len(np.unique(found.pixel_array)) > 1 << min(stored, 12) - 1


@pytest.mark.parametrize("task", TASKS)
def test_the_bare_pipeline_finds_something(task):
    exchange = bare.exchange(task)
    answer = exchange["answer"]
    assert exchange["dicom"].tobytes() == frames.frame(task)
    if task in SEGMENTATIONS:
        modality = frames.MODALITIES[task]
        assert answer.shape == modality.size
        assert 0.01 < answer.mean() < 0.5
    else:
        assert answer.shape == (14,)
        assert answer.min() < 0.5 < answer.max()


def test_the_bare_loop_tells_what_each_stage_takes():
    window = bare._clinical(networks.path("brain-mri"), frames.frame("brain-mri"), 0.01)
    assert list(window.stages) == ["decode", "preprocess", "engine", "postprocess"]
    assert window.clients == 1
    # Of the window alone: the stages are all that a request takes.
    assert sum(window.stages.values()) == pytest.approx(window.wall / window.inferences, rel=0.3)
    assert window.stages["engine"] == max(window.stages.values())


def test_typed_requests_carry_the_file():
    segment = calls.build("typed", "brain-mri", {"dicom": DICOM, "answer": MASK})
    assert segment.method == "/wattscan.v1.ImagingService/Segment"
    request = typed.SegmentRequest.FromString(segment.request)
    assert (request.task, request.precision) == ("brain-mri", typed.PRECISION_INT8)
    assert request.image.encoded == b"a file"
    answer = typed.SegmentResponse(mask=typed.Mask(pixels=MASK.tobytes()))
    segment.check(answer.SerializeToString())
    answer.mask.pixels = (1 - MASK).tobytes()
    with pytest.raises(BenchmarkError, match=r"100\.0%"):
        segment.check(answer.SerializeToString())
    classify = calls.build("typed", "chest-xray", {"dicom": DICOM, "answer": PROBABILITIES})
    assert classify.method == "/wattscan.v1.ImagingService/Classify"
    assert typed.ClassifyRequest.FromString(classify.request).image.encoded == b"a file"
    findings = [typed.Finding(name="x", probability=p) for p in PROBABILITIES]
    classify.check(typed.ClassifyResponse(findings=findings).SerializeToString())
    with pytest.raises(BenchmarkError, match="2 values, not 3"):
        classify.check(typed.ClassifyResponse(findings=findings[1:]).SerializeToString())


@pytest.mark.parametrize(
    ("task", "answer", "wrong"),
    [
        ("nerve-ultrasound", MASK, 1 - MASK),
        ("chest-xray", PROBABILITIES, PROBABILITIES[::-1].copy()),
    ],
)
def test_open_inference_requests_carry_the_file(task, answer, wrong):
    call = calls.build("oip", task, {"dicom": DICOM, "answer": answer})
    request = oip.ModelInferRequest.FromString(call.request)
    (file,) = request.inputs
    assert (request.model_name, file.name, file.datatype) == (task, "dicom", "UINT8")
    assert list(file.shape) == [len(b"a file")]
    assert request.raw_input_contents[0] == b"a file"
    call.check(oip.ModelInferResponse(raw_output_contents=[answer.tobytes()]).SerializeToString())
    for content, text in (([wrong.tobytes()], "not the bare session's"), ([], "no output")):
        with pytest.raises(BenchmarkError, match=text):
            call.check(oip.ModelInferResponse(raw_output_contents=content).SerializeToString())


def test_two_servers_take_frames():
    assert {spec.name: spec.serves("chest-xray") for spec in servers.SPECS if spec.clinical} == {
        "wattscan-typed": ("typed",),
        "triton": ("oip",),
    }
    assert all(spec.serves("light") == spec.protocols for spec in servers.SPECS)


@pytest.mark.parametrize("task", TASKS)
def test_wattscan_serves_the_shipped_model(task, tmp_path):
    found = repository.write_task(tmp_path, task)
    for name in ("card.json", "1/model.onnx"):
        served, shipped = found / f"{task}-int8" / name, networks.path(task) / name
        assert served.read_bytes() == shipped.read_bytes()


@pytest.mark.parametrize(("task", "output"), [("brain-mri", "UINT8"), ("chest-xray", "FP32")])
def test_triton_serves_the_pipeline(task, output, tmp_path, monkeypatch):
    peers = servers.ROOT / "loadtest" / "serving" / "peers"
    monkeypatch.syspath_prepend(str(peers))
    # By its path: PyTorch may bring another module of this name.
    spec = importlib.util.spec_from_file_location("peers_triton", peers / "triton.py")
    triton = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(triton)
    file = str(networks.path(task))
    options = argparse.Namespace(model=task, file=file, work=str(tmp_path), instances=2)
    folder = triton._repository(options) / task
    assert (folder / "1/model.py").read_text() == (peers / "triton_clinical.py").read_text()
    config = (folder / "config.pbtxt").read_text()
    assert 'name: "dicom" data_type: TYPE_UINT8' in config
    assert f'name: "answer" data_type: TYPE_{output}' in config
    assert f'key: "checkout" value: {{ string_value: "{servers.ROOT}" }}' in config


def clinical_results():
    """Two rounds, the second twice as slow for all; the server takes 1.25 times the pipeline."""
    triton = MeasuredServer("triton", "oip")
    found = Results((1, 2, 8), {"brain-mri": (CEILING, OURS, triton)})
    stages = {"decode": 0.001, "preprocess": 0.002, "engine": 0.02, "postprocess": 0.003}
    for number, slower in enumerate((1, 2)):
        bare_window = TimedStretch(1, 100, 2.6, 0.0, 2.6 * slower, 0.026, None, stages)
        served = TimedStretch(1, 100, 4.0, 2.6 * slower, 0.65 * slower, 0.04, 0.05)
        for entry, window in ((CEILING, bare_window), (OURS, served)):
            found.samples.append(Sample("brain-mri", number, entry, window))
        found.samples.append(Sample("brain-mri", number, OURS, replace(served, clients=8)))
    found.absent["brain-mri", triton] = "not installed: a | b"
    return found


def test_the_clinical_table():
    text = tables.render(clinical_results(), servers.SPECS, {})
    assert "### In short" not in text
    assert "| brain-mri | 1.00 (1.00 to 1.00) | 2.00 (2.00 to 2.00) | 20.00 " in text
    assert "| 26.00 (26.00 to 26.00) |" in text
    row = "0.800 (0.800 to 0.800) | 1.25 (1.25 to 1.25) | 25.0 (25.0 to 25.0) | 40.00 "
    for clients in (1, 8):
        assert f"| brain-mri | wattscan-typed, wattscan.v1 | {clients} | {row}" in text
    assert "wattscan.v1 | 2 |" not in text
    assert (
        "| brain-mri | bare pipeline | 1 | 1.000 (1.000 to 1.000) | 1.00 (1.00 to 1.00) |" in text
    )
    assert "| brain-mri | triton, Open Inference Protocol | not run: not installed: a / b |" in text
    lines = text[text.index("| task | server") : text.index("### Servers")].splitlines()
    assert {line.count("|") for line in lines if line} == {9}
