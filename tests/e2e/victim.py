"""A server that is sent marks, one of its backends failing, and all that it says."""

import shutil
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import grpc
from marked import FAULT, HEADER, NAME, TOKEN

from service_process import ServiceProcess
from wattscan.installation import models_folder
from wattscan.wire import open_inference_pb2 as oip

TINY = Path(__file__).parents[1] / "data" / "tiny"
OIP, TYPED = "inference.GRPCInferenceService", "wattscan.v1.ImagingService"
PREDICTION, MODEL = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
LAUNCHER = """
import runpy, sys
import wattscan.backends
wattscan.backends.__path__.append(sys.argv.pop(1))
runpy.run_module("wattscan", run_name="__main__", alter_sys=True)
"""
BACKEND = f"""
import numpy as np
from wattscan.contracts import TensorSpec
FORMAT = "onnx"
def open_engine(path, settings):
    return Engine()
class Engine:
    provider = "test"
    inputs = (TensorSpec("image", np.dtype("f4"), (-1, 4, 4, 1)),)
    outputs = (TensorSpec("mask", np.dtype("f4"), (-1, 4, 4, 1)),)
    def infer(self, batch):
        if batch.any():
            try:
                raise KeyError("{NAME}", batch.tobytes()[:99])
            except KeyError as cause:
                raise ValueError("{FAULT} " + repr(batch.tobytes()[:99])) from cause
        return np.zeros((*batch.shape[:3], 1), np.float32)
    def run(self, arrays):
        return [self.infer(arrays[0])]
    def close(self):
        pass
"""


class Victim(ServiceProcess):
    """A server, and all that it has said to anybody."""

    def __init__(self, folder, sink, *flags):
        self.folder = folder
        self.said = []
        self._models()
        (folder / "launcher.py").write_text(LAUNCHER)
        (folder / "backends").mkdir()
        (folder / "backends" / "raising.py").write_text(BACKEND)
        tokens = folder / "tokens"
        tokens.write_text(f"ward admin {TOKEN}\n")
        tokens.chmod(0o600)
        arguments = ["--max-bytes", "1000000", "--models", folder / "models", "--tokens", tokens]
        arguments += ["--otlp-endpoint", sink, "--log-requests", "yes", *flags]
        super().__init__(
            folder / "serve.log",
            *arguments,
            command=[sys.executable, folder / "launcher.py", folder / "backends"],
            environment={"PYTHONFAULTHANDLER": "1"},
        )
        options = [("grpc.primary_user_agent", HEADER), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(self.ready["grpc"], options=options)

    def _models(self):
        models = self.folder / "models"
        for name in ("nerve-ultrasound-int8", "chest-xray-int8", "nerve-ultrasound-fp32"):
            shutil.copytree(models_folder() / name, models / name)
        for name in ("tiny", "failing"):
            shutil.copytree(TINY, models / name)
        for name in ("failing", "nerve-ultrasound-fp32"):
            (models / name / "model.toml").write_text('[backend]\nname = "raising"\n')

    def send(self, method, request, metadata=(), token=TOKEN, timeout=30):
        """One call; what comes back beside an answer is kept. Returns its status."""
        data = request if isinstance(request, bytes) else request.SerializeToString()
        headers = (*metadata, *([("authorization", f"Bearer {token}")] if token else []))
        call = self.channel.unary_unary(f"/{method}", None, None).future(
            data, timeout=timeout, metadata=headers
        )
        code = call.code()
        self.keep(call)
        return code.name

    def stream(self, requests):
        """The texts of a stream's answers."""
        metadata = (("authorization", f"Bearer {TOKEN}"),)
        stream = self.channel.stream_stream(f"/{OIP}/ModelStreamInfer", None, None)
        call = stream(
            (r if isinstance(r, bytes) else r.SerializeToString() for r in requests),
            timeout=30, metadata=metadata,
        )  # fmt: skip
        texts = [oip.ModelStreamInferResponse.FromString(each).error_message for each in call]
        self.said += [text.encode() for text in texts]
        self.keep(call)
        return texts

    def keep(self, call):
        self.said.append((call.details() or "").encode())
        for metadata in (call.initial_metadata(), call.trailing_metadata()):
            self.said.append(repr([tuple(pair) for pair in metadata or ()]).encode())

    def page(self, path="/metrics", headers=()):
        url = self.ready["metrics"].replace("/metrics", path)
        request = urllib.request.Request(url, headers=dict(headers))
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.said.append(answer.read() + repr(answer.headers.items()).encode())

    def talk(self, port, data):
        """Bytes that are no protocol of the port's."""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                self.said.append(part)

    def printed(self):
        """All of standard output and error, once it has ended."""
        with self.process.stdout as rest:
            out = self.first_line + rest.read()
        return out.encode() + self.log.read_bytes()
