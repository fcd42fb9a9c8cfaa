"""A service of ours and the stock Triton client in one process; prints what came as JSON.

Run by the Python of `requirements-lowest.txt`, as a child of a test:

    one_process.py tritonclient|wattscan MODELS

The first argument is what is imported first: both have messages of one name.
"""

# ruff: noqa: E402 - the order of the imports is what is tried
from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import queue
import signal
import sys
import threading
from typing import Any

import grpc
import numpy as np

FIRST = {"tritonclient": "tritonclient.grpc", "wattscan": "wattscan.wire.open_inference_pb2"}
for name in sorted(FIRST, key=lambda name: name != sys.argv[1]):
    importlib.import_module(FIRST[name])

import tritonclient.grpc as triton
from google.protobuf import __version__ as protobuf_version
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from wattscan.cli import main
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

WAIT_SECONDS = 60
MODEL, TASK, SHAPE = "nerve-ultrasound-int8", "nerve-ultrasound", (1, 80, 112, 1)


class Lines(io.TextIOBase):
    """Takes what the service prints, and hands over its first line."""

    def __init__(self) -> None:
        self.ready: queue.Queue[str] = queue.Queue()

    def write(self, text: str) -> int:
        if text.strip():
            self.ready.put(text)
        return len(text)


def ask(lines: Lines, answers: dict[str, Any]) -> None:
    """Ask the service through their client and through our stubs."""
    address = json.loads(lines.ready.get(timeout=WAIT_SECONDS))["grpc"]
    image = np.zeros(SHAPE, np.float32)
    client = triton.InferenceServerClient(address)
    taken = triton.InferInput("image", SHAPE, "FP32")
    taken.set_data_from_numpy(image)
    answer = client.infer(MODEL, [taken], client_timeout=WAIT_SECONDS)
    answers["triton"] = answer.as_numpy("mask").tolist()
    answers["metadata"] = client.get_model_metadata(MODEL, as_json=True)["name"]
    channel = grpc.insecure_channel(address)
    request = oip.ModelInferRequest(model_name=MODEL, raw_input_contents=[image.tobytes()])
    request.inputs.add(name="image", datatype="FP32", shape=SHAPE)
    ours = oip_rpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=WAIT_SECONDS)
    mask = np.frombuffer(ours.raw_output_contents[0], np.float32).reshape(SHAPE)
    answers["ours"] = mask.tolist()
    raw = pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=[80, 112], data=bytes(80 * 112))
    segment = pb.SegmentRequest(task=TASK, variant="int8", image=pb.Image(raw=raw))
    answers["typed"] = rpc.ImagingServiceStub(channel).Segment(segment).mask.height
    database = ProtoReflectionDescriptorDatabase(channel)
    answers["services"] = sorted(database.get_services())
    file = database.FindFileContainingSymbol("inference.GRPCInferenceService")
    answers["reflected"] = [service.name for service in file.service]


def ask_and_end(lines: Lines) -> None:
    """Print what came, and have the service stop."""
    answers: dict[str, Any] = {"protobuf": protobuf_version, "grpc": grpc.__version__}
    try:
        ask(lines, answers)
    except Exception as error:
        answers["error"] = repr(error)
    finally:
        print(json.dumps(answers), file=sys.__stdout__, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    lines = Lines()
    threading.Thread(target=ask_and_end, args=(lines,)).start()
    own = ["--models", sys.argv[2], "--backend", "onnxruntime"]
    with contextlib.redirect_stdout(lines):
        sys.exit(main(["serve", *own, "--grpc-port", "0", "--metrics-port", "0"]))
