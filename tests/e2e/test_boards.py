"""The service as a board installs it: Python 3.10, LiteRT, its own lock (`make setup-board`)."""

import json
import shutil
import subprocess
from pathlib import Path

import grpc
import pytest
from pydicom.data import get_testdata_file

from service_process import ServiceProcess
from wattscan.installation import models_folder
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

BOARD = Path(__file__).parents[2] / "build" / "board"
TARGET = """
title = "A board"
sample_interval_seconds = 0.1
queue_limit = 8

[batching]
max_batch_size = 1
queue_delay_seconds = 0.0
instances = 1
priority_levels = 2

[backend]
name = "litert"
threads = 1

[[sensors]]
name = "cpu_model"
idle_watts_per_core = 0.5
busy_watts_per_core = 1.0
uncertainty_ratio = 0.5
"""


def python310():
    """Whether a Python 3.10 runs here: the name alone may be a shim."""
    path = shutil.which("python3.10")
    return path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0


def need_board():
    if not (BOARD / ".ready").exists():
        pytest.skip("make setup-board was not run" if python310() else "no python3.10 here")


@pytest.fixture
def board(tmp_path):
    """The service's address, from an environment that has nothing of this one's."""
    need_board()
    target, log = tmp_path / "board.toml", tmp_path / "serve.log"
    target.write_text(TARGET)
    command = [BOARD / "bin" / "wattscan"]
    arguments = ["--target", target, "--models", models_folder()]
    service = ServiceProcess(log, *arguments, command=command, folder=tmp_path)
    try:
        yield service.ready["grpc"]
    finally:
        code = service.end()
    assert code == 0, service.log_text


def test_a_board_has_python_310_and_no_engine_but_litert():
    need_board()
    done = subprocess.run(
        [BOARD / "bin" / "python", "-m", "pip", "list", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {package["name"].lower() for package in json.loads(done.stdout)}
    assert {"wattscan", "ai-edge-litert", "python-gdcm", "pydicom"} <= names
    assert not {"openvino", "onnxruntime", "scipy", "matplotlib", "locust"} & names
    assert list((BOARD / "lib").glob("python3.10"))


def test_a_dicom_frame_comes_back_as_a_mask(board):
    frame = Path(get_testdata_file("examples_rgb_color.dcm")).read_bytes()
    with grpc.insecure_channel(board) as channel:
        answer = rpc.ImagingServiceStub(channel).Segment(
            pb.SegmentRequest(
                task="nerve-ultrasound",
                precision=pb.PRECISION_INT8,
                image=pb.Image(encoded=frame),
            ),
            timeout=60,
        )
    assert (answer.mask.height, answer.mask.width) == (240, 320)
    assert len(answer.mask.pixels) == 240 * 320
    assert answer.receipt.energy.method == "modelled"
    assert answer.receipt.model.name == "nerve-ultrasound-int8"
