"""Peers that mean no good, while another client is served."""

import subprocess
import threading

import grpc
import pytest
from peer_messages import SEGMENT, picture, served_meanwhile

from conftest import HERE, PEERS, SETUP, opened
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

CODE = grpc.StatusCode


def test_a_bomb_is_refused(address, channel):
    with opened(address) as other, served_meanwhile(other) as errors:
        send = channel.unary_unary(SEGMENT)
        for _ in range(4):
            with pytest.raises(grpc.RpcError) as refused:
                # Some 400 KB on the wire.
                send(bytes(400 << 20), timeout=60, compression=grpc.Compression.Gzip)
            assert refused.value.code() is CODE.RESOURCE_EXHAUSTED
    assert errors == []


@pytest.mark.parametrize("size", [40_000, 100_000, 1_000_000])
def test_headers_that_are_too_long_harm_nobody_else(address, channel, size):
    stub = rpc.ImagingServiceStub(channel)
    with opened(address) as other, served_meanwhile(other) as errors:
        for _ in range(10):
            with pytest.raises(grpc.RpcError):
                stub.Segment(picture(32), timeout=10, metadata=[("x-long", "a" * size)])
    assert errors == []
    # Nor that client itself, once it has stopped.
    assert stub.Segment(picture(32), timeout=20, wait_for_ready=True).mask.width == 32


def test_a_rapid_reset(address):
    if not PEERS.exists():
        pytest.skip(f"h2 is not set up: {SETUP}")
    with opened(address) as other, served_meanwhile(other) as errors:
        script = str(HERE / "clients" / "rapid_reset.py")
        command = [str(PEERS / "python"), script, address, "20000"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert errors == [], done.stdout


def test_calls_without_an_end_leave_room(address, channel):
    """A hundred streams that say nothing, from the same address."""
    over = threading.Event()

    def nothing():
        over.wait(60)
        yield from ()

    open_stream = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
    streams = [open_stream(nothing(), timeout=60) for _ in range(100)]
    try:
        with opened(address) as other, served_meanwhile(other) as errors:
            threading.Event().wait(2)
    finally:
        over.set()
        for stream in streams:
            stream.cancel()
    assert errors == []
