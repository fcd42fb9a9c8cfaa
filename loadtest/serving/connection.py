"""One client: a channel of its own, and what it sends over it."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from typing import cast

import grpc
import numpy as np

from loadtest.serving import calls, networks
from wattscan.wire import open_inference_pb2 as oip

TIMEOUT = 60.0
"""Seconds for one request."""

_OPTIONS = (
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.max_receive_message_length", 64 << 20),
    # Else channels to one address share a connection.
    ("grpc.use_local_subchannel_pool", 1),
)


class Connection:
    """Sends one request at a time, with the tensor in the message."""

    def __init__(self, address: str, call: calls.Call) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._send = unary(self._channel, call.method)
        self._call = call

    def send(self) -> bytes:
        """One request. Raises: grpc.RpcError."""
        return self._send(self._call.request)

    def check(self) -> None:
        """One request, its answer read. Raises: grpc.RpcError, BenchmarkError."""
        self._call.check(self.send())

    def close(self) -> None:
        """End the channel."""
        self._channel.close()


class SharedConnection:
    """Its tensor lies in a region of its own, written once, as a message is made once; the answer
    comes into another one."""

    def __init__(self, address: str, model: str, number: int, expected: calls.Expected) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._expected = expected
        name = f"wattscan-{os.getpid()}-{number}"
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
        self._request = calls.shared(model, *self._names)
        self._send = unary(self._channel, calls.OIP_SERVICE + "ModelInfer")

    def send(self) -> bytes:
        """One request; the answer's tensor is where it belongs. Raises: grpc.RpcError."""
        return self._send(self._request)

    def check(self) -> None:
        """One request, its answer read. Raises: grpc.RpcError, BenchmarkError."""
        self._views[1][: networks.OUTPUT_BYTES] = bytes(networks.OUTPUT_BYTES)
        self.send()
        answer = bytes(self._views[1][: networks.OUTPUT_BYTES])
        networks.check_logits(np.frombuffer(answer, "<f4"), self._expected.logits)

    def close(self) -> None:
        """Unregister, remove the regions, end the channel."""
        try:
            drop = unary(self._channel, calls.OIP_SERVICE + "SystemSharedMemoryUnregister")
            for name in self._names:
                drop(oip.SystemSharedMemoryUnregisterRequest(name=name).SerializeToString())
        finally:
            self._views.clear()
            for region in self._regions:
                region.close()
                region.unlink()
            self._channel.close()


def unary(channel: grpc.Channel, method: str) -> Callable[[bytes], bytes]:
    """Bytes in, bytes out."""
    call = channel.unary_unary(method, None, None)

    def send(request: bytes) -> bytes:
        answer: bytes = call(request, timeout=TIMEOUT)
        return answer

    return send


def connect(
    protocol: str, address: str, model: str, number: int, expected: calls.Expected
) -> Connection | SharedConnection:
    """Client number `number`. Raises: grpc.RpcError, where regions cannot be registered."""
    if protocol == "oip-shm":
        return SharedConnection(address, model, number, expected)
    return Connection(address, calls.build(protocol, model, expected))
