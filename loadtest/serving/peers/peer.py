"""What the peers' scripts share. Runs in each peer's own environment: Wattscan is not there."""

import argparse
import json
import os
import socket
import sys
import sysconfig
import threading
import time
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before ONNX Runtime is loaded

import grpc
import onnxruntime

LOOPBACK = "127.0.0.1"
_READY_WITHIN = 120.0


def arguments():
    """The command line that every script takes. By position: some servers read sys.argv too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", help="its name on the wire")
    parser.add_argument("file", help="the .onnx file, or a clinical task's folder")
    parser.add_argument("work", help="an empty folder to write to")
    parser.add_argument("instances", type=int)
    options = parser.parse_args()
    del sys.argv[1:]
    return options


def session(path):
    """One thread, no spinning: the same for every server."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def free_port():
    """One that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


def python_library():
    """The folder of this Python's shared library: Triton's stub must not find another one's."""
    folder = sysconfig.get_config_var("LIBDIR") or ""
    name = sysconfig.get_config_var("INSTSONAME") or ""
    return folder if Path(folder, name).is_file() else ""


def bind_to_loopback(port):
    """For servers that bind gRPC to every address and have no option against it."""
    original = grpc.aio.Server.add_insecure_port
    grpc.aio.Server.add_insecure_port = lambda self, _address: original(self, f"{LOOPBACK}:{port}")


def announce_when_ready(port, model):
    """Ask from a thread; print the line of JSON once the model is ready."""
    threading.Thread(target=announce, args=(port, model), daemon=True).start()


def announce(port, model, alive=lambda: True):
    """Wait until ModelReady says so, over the Open Inference Protocol; then print the line."""
    request = b"\x0a" + bytes([len(model)]) + model.encode()
    until = time.monotonic() + _READY_WITHIN
    while time.monotonic() < until and alive():
        with grpc.insecure_channel(f"{LOOPBACK}:{port}") as channel:
            ask = channel.unary_unary("/inference.GRPCInferenceService/ModelReady")
            try:
                if ask(request, timeout=2.0) == b"\x08\x01":
                    print(json.dumps({"grpc": f"{LOOPBACK}:{port}"}), flush=True)
                    return
            except grpc.RpcError:
                pass
        time.sleep(0.05)
