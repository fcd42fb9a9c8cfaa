"""A service that can be made to fail, and requests to it over each protocol."""

from __future__ import annotations

import re
import sys
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import psutil

from service_process import ServiceProcess
from waiting import wait_until
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as tfs
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

FAULTY = Path(__file__).parent / "faulty.py"
TINY_MODEL = Path(__file__).parents[1] / "data" / "tiny"
NERVE, PLAIN, TINY = "nerve-ultrasound-fp32", "plain", "tiny"
_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_TARGET = """
title = "A machine that fails"
sample_interval_seconds = 0.05
queue_limit = {queue_limit}
[backend]
name = "faulty"
folder = "{folder}"
width = {width}
[batching]
max_batch_size = {max_batch_size}
queue_delay_seconds = {queue_delay}
[[sensors]]
{sensor}"""
# A driver refuses a key that is not its own.
_SENSORS = {
    "cpu_model": """
name = "cpu_model"
idle_watts_per_core = 1.0
busy_watts_per_core = 1.0
uncertainty_ratio = 0.5
""",
    "unsteady": """
name = "unsteady"
folder = "{folder}"
first = "{first}"
""",
}

_DEFAULTS = {
    "queue_limit": 64, "width": 3, "max_batch_size": 1, "queue_delay": 0.0, "sensor": "cpu_model",
    "first": "steady",
}  # fmt: skip


def write_target(folder, **settings):
    """A target with the faulty backend, controlled from `folder`; returns its path."""
    path = folder / "faulty.toml"
    values = {**_DEFAULTS, **settings, "folder": folder}
    sensor = _SENSORS[values["sensor"]].format_map(values)
    path.write_text(_TARGET.format_map({**values, "sensor": sensor}))
    return path


class Rig(ServiceProcess):
    """A service in a process of its own, as `faulty.py` starts it.

    What stands before the command may be a program that starts it (`prefix`), such as prlimit.
    """

    def __init__(self, folder, *arguments, prefix=(), stderr=None, env=None):
        self.folder = folder
        log = Path(stderr or folder / "serve.log")
        command = (*prefix, sys.executable, FAULTY)
        super().__init__(log, *arguments, command=command, environment=env)
        self.connect()

    def connect(self):
        """A new connection, and the stubs on it."""
        self.channel = self.new_channel()
        self.typed = rpc.ImagingServiceStub(self.channel)
        self.oip = oip_rpc.GRPCInferenceServiceStub(self.channel)
        self.tfs = self.channel.unary_unary(
            _PREDICT,
            tfs.PredictRequest.SerializeToString,
            tfs.PredictResponse.FromString,
        )

    def new_channel(self):
        return grpc.insecure_channel(
            self.ready["grpc"],
            options=[
                ("grpc.max_send_message_length", -1),
                ("grpc.max_receive_message_length", -1),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )

    @property
    def stats(self):
        return psutil.Process(self.process.pid)

    def page(self):
        with urllib.request.urlopen(self.ready["metrics"], timeout=10) as answer:
            return answer.read().decode()

    def value(self, name, *labels):
        """The sum of a metric's series that have all the labels, such as `code="OK"`."""
        lines = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", self.page(), re.MULTILINE)
        return sum(float(value) for tags, value in lines if all(text in tags for text in labels))

    def tell(self, name, text=""):
        """Have a plug-in do it: put the file into the control folder."""
        (self.folder / name).write_text(text)

    def stop_telling(self, name):
        (self.folder / name).unlink()

    def computed(self):
        """The numbers that the plain model has computed, without what it was tried with when it was
        loaded: zeros, and numbers that are not whole."""
        path = self.folder / "calls"
        values = [float(word) for word in path.read_text().split()] if path.exists() else []
        return [value for value in values if value > 0 and value.is_integer()]

    def ask(self, number=1.0, timeout=20):
        """A good request over the typed protocol and over OIP, where the models are there."""
        served = self.ready["models"]
        if NERVE in served:
            assert self.typed.Segment(typed_request(), timeout=timeout).mask.height == 8
        if TINY in served:
            message = oip_request(number, TINY, shape=(4, 4, 1))
            answer = self.oip.ModelInfer(message, timeout=timeout)
            mask = np.frombuffer(answer.raw_output_contents[1], np.float32)
            assert mask.tolist() == [number / 2] * 16
        if PLAIN in served:
            answer = self.oip.ModelInfer(oip_request(number), timeout=timeout)
            assert np.frombuffer(answer.raw_output_contents[0], np.float32)[0] == number

    def assert_well(self, files=None):
        """It answers, has no traceback in its log, and no more files open than `files`."""
        self.ask()
        assert self.process.poll() is None
        assert "Traceback" not in self.log_text
        if files is not None:
            wait_until(lambda: self.stats.num_fds() <= files)

    def stop(self):
        self.channel.close()
        for path in self.folder.glob("*"):
            if path.name in ("hang", "sensor-block"):
                path.unlink()
        return self.end(40)


def typed_request(task="nerve-ultrasound", value=9):
    raw = pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=[8, 8], data=bytes([value]) * 64)
    return pb.SegmentRequest(task=task, precision=pb.PRECISION_FP32, image=pb.Image(raw=raw))


def oip_request(number=1.0, model=PLAIN, rows=1, shape=(4,), name="image"):
    request = oip.ModelInferRequest(model_name=model, id=f"{number:g}")
    request.inputs.add(name=name, datatype="FP32", shape=[rows, *shape])
    request.raw_input_contents.append(np.full((rows, *shape), number, "<f4").tobytes())
    return request


def tfs_request(number=1.0, model=PLAIN, shape=(4,), name="image"):
    request = tfs.PredictRequest(model_spec=tfs.ModelSpec(name=model))
    tensor = request.inputs[name]
    tensor.dtype = tf.DT_FLOAT
    tensor.tensor_content = np.full((1, *shape), number, "<f4").tobytes()
    for size in (1, *shape):
        tensor.tensor_shape.dim.add(size=size)
    return request


def code_of(call):
    """The status that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name
    return "OK"
