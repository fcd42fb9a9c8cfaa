"""What clients send, and a grpcio channel over which its answer is checked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from typing import cast

import grpc
import numpy as np

from loadtest.serving import calls, networks
from wattscan.wire import open_inference_pb2 as oip

TIMEOUT = 60.0
"""Seconds for one request."""
_RELEASED_WITHIN = 2.0

_OPTIONS = (
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.max_receive_message_length", 64 << 20),
)


class TensorConnection:
    """The tensor is in the message."""

    def __init__(self, address: str, call: calls.RepeatedCall) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._call = call
        self.method, self.request = call.method, call.request

    def check(self) -> int:
        """One request, its answer read; returns the answer's length, in bytes.

        Raises: grpc.RpcError, BenchmarkError.
        """
        answer = unary(self._channel, self.method)(self.request)
        self._call.check(answer)
        return len(answer)

    def close(self) -> None:
        """End the channel."""
        self._channel.close()


class SharedConnection:
    """The tensor lies in a region, written once, as a message is made once; the answer comes into
    another one."""

    def __init__(self, address: str, model: str, exchange: calls.Exchange) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._logits = exchange["logits"]
        name = f"wattscan-{os.getpid()}"
        self._names = (f"{name}-in", f"{name}-out")
        sizes = (networks.INPUT_BYTES, networks.OUTPUT_BYTES)
        self._regions = [
            SharedMemory(region, create=True, size=size)
            for region, size in zip(self._names, sizes, strict=True)
        ]
        # One that is open has a view.
        self._views = [cast("memoryview[int]", region.buf) for region in self._regions]
        self._views[0][: networks.INPUT_BYTES] = networks.tensor().tobytes()
        register = unary(self._channel, calls.OIP_SERVICE + "SystemSharedMemoryRegister")
        for region, size in zip(self._names, sizes, strict=True):
            request = oip.SystemSharedMemoryRegisterRequest(
                name=region, key=f"/{region}", byte_size=size
            )
            register(request.SerializeToString())
        self.method = calls.OIP_SERVICE + "ModelInfer"
        self.request = calls.shared(model, *self._names)

    def check(self) -> int:
        """One request, its tensor read; returns the length of the answer's message, in bytes.

        Raises: grpc.RpcError, BenchmarkError.
        """
        self._views[1][: networks.OUTPUT_BYTES] = bytes(networks.OUTPUT_BYTES)
        answer = unary(self._channel, self.method)(self.request)
        logits = bytes(self._views[1][: networks.OUTPUT_BYTES])
        networks.check_logits(np.frombuffer(logits, "<f4"), self._logits)
        return len(answer)

    def close(self) -> None:
        """Unregister, remove the regions, end the channel."""
        try:
            for name in self._names:
                self._unregister(name)
        finally:
            self._views.clear()
            for region in self._regions:
                region.close()
                region.unlink()
            self._channel.close()

    def _unregister(self, name: str) -> None:
        """For a moment after its last answer, Triton says that the region is in use."""
        drop = unary(self._channel, calls.OIP_SERVICE + "SystemSharedMemoryUnregister")
        request = oip.SystemSharedMemoryUnregisterRequest(name=name).SerializeToString()
        until = time.monotonic() + _RELEASED_WITHIN
        while True:
            try:
                drop(request)
                return
            except grpc.RpcError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)


def unary(channel: grpc.Channel, method: str) -> Callable[[bytes], bytes]:
    """Bytes in, bytes out."""
    call = channel.unary_unary(method, None, None)

    def send(request: bytes) -> bytes:
        answer: bytes = call(request, timeout=TIMEOUT)
        return answer

    return send


def connect(
    protocol: str, address: str, model: str, exchange: calls.Exchange
) -> TensorConnection | SharedConnection:
    """Raises: grpc.RpcError, where regions cannot be registered."""
    if protocol == "oip-shm":
        return SharedConnection(address, model, exchange)
    return TensorConnection(address, calls.build(protocol, model, exchange))
