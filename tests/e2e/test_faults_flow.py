"""Clients that do not read, do not go on, or send too much."""

import signal
import socket
import subprocess
import threading
import time

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rig import code_of, oip_request, typed_request

from waiting import wait_until
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb

pytestmark = pytest.mark.slow

_MIB = 1024 * 1024


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def literal(name, value):
    return b"".join([b"\x00", bytes([len(name)]), name, bytes([len(value)]), value])


def opening(stream, path):
    """The headers of a request, without a body."""
    headers = [
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x"),
        (b"te", b"trailers"), (b"content-type", b"application/grpc"),
    ]  # fmt: skip
    return frame(1, 4, stream, b"".join(literal(name, value) for name, value in headers))


_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
_INFER = b"/inference.GRPCInferenceService/ModelInfer"


def half_a_request(path):
    """A connection with a request that says it has 10 MiB, and sends ten bytes of it."""
    body = b"\x00" + (10 * _MIB).to_bytes(4, "big") + b"0123456789"
    return _HELLO + opening(1, path) + frame(0, 0, 1, body)


def test_bodies_that_never_end_hold_up_nobody(start_rig):
    # Room is kept for twice as many messages, of two copies each.
    rig = start_rig("--max-bytes", str(16 * _MIB))
    rig.ask()
    files = rig.stats.num_fds()
    host, port = rig.ready["grpc"].split(":")
    paths = [_INFER, b"/wattscan.v1.ImagingService/Segment"]
    halves = []
    for number in range(60):
        half = socket.create_connection((host, int(port)))
        half.sendall(half_a_request(paths[number % 2]))
        halves.append(half)
    wait_until(lambda: rig.stats.num_fds() >= files + 60)
    rig.assert_well()
    for half in halves:
        # Without a farewell, as a machine that loses its power.
        half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        half.close()
    rig.assert_well(files)


def test_readers_that_do_not_read_hold_up_nobody_and_take_no_memory(start_rig):
    rig = start_rig("--grace", "3", typed=False, width=1_000_000)
    rig.ask()
    channels, streams = [], []
    for number in range(24):
        channel = rig.new_channel()
        send = channel.stream_stream(
            "/inference.GRPCInferenceService/ModelStreamInfer",
            oip.ModelInferRequest.SerializeToString,
        )
        requests = (oip_request(100 + number) for _ in range(50))  # 50 answers of 4 MB
        channels.append(channel)
        streams.append(send(requests))
    wait_until(lambda: {100 + n for n in range(24)} <= set(rig.computed()))
    time.sleep(1)
    before = rig.stats.memory_info().rss
    computed = len(rig.computed())
    for _ in range(5):
        rig.ask(timeout=10)
        time.sleep(0.2)
    # A window's worth of each is on its way, and nothing is computed ahead of the reader.
    assert len(rig.computed()) <= computed + 5 + 24
    assert rig.stats.memory_info().rss < before + 64 * _MIB
    first = oip.ModelStreamInferResponse.FromString(next(streams[0]))
    assert first.infer_response.id == "100"
    for stream, channel in zip(streams, channels, strict=True):
        stream.cancel()
        channel.close()
    rig.assert_well()


def test_answers_that_nobody_reads_are_bounded(start_rig):
    """A client that sends on and opens no window: what it is owed must not fill the memory."""
    rig = start_rig(typed=False, width=250_000, queue_limit=16)
    rig.ask()
    host, port = rig.ready["grpc"].split(":")
    # From another address: it is another client.
    mine = ("127.0.0.2", 0)
    with socket.create_connection((host, int(port)), source_address=mine) as client:
        client.sendall(_HELLO)
        for number in range(150):
            message = oip_request(100 + number).SerializeToString()
            body = b"\x00" + len(message).to_bytes(4, "big") + message
            stream = 2 * number + 1
            client.sendall(opening(stream, _INFER) + frame(0, 1, stream, body))
            time.sleep(0.01)
        rig.ask()
        wait_until(lambda: rig.value("wattscan_queue_depth") == 0)
        # One connection may have twice as many as the queue holds.
        assert len(rig.computed()) < 90, "each answer of 1 MB waits in the server"
    rig.assert_well()


@pytest.mark.parametrize("method", [b"Check", b"Watch"])
def test_probes_that_send_no_message_hold_up_no_other_probe(start_rig, method):
    rig = start_rig(typed=False)
    host, port = rig.ready["grpc"].split(":")
    silent = []
    try:
        for _ in range(9):  # with the streams of a connection, more calls than the server takes
            each = socket.create_connection((host, int(port)), source_address=("127.0.0.2", 0))
            each.sendall(_HELLO)
            for number in range(128):
                each.sendall(opening(2 * number + 1, b"/grpc.health.v1.Health/" + method))
            silent.append(each)
        check = health_pb2_grpc.HealthStub(rig.new_channel()).Check
        for _ in range(10):
            assert check(health_pb2.HealthCheckRequest(), timeout=10).status == 1
            rig.ask()
    finally:
        for each in silent:
            each.close()


def test_sigterm_waits_until_an_answer_is_taken(start_rig):
    rig = start_rig(typed=False, width=1_000_000)
    rig.ask()
    message = oip_request(7).SerializeToString()
    host, port = rig.ready["grpc"].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        body = b"\x00" + len(message).to_bytes(4, "big") + message
        client.sendall(_HELLO + opening(1, _INFER) + frame(0, 1, 1, body))
        wait_until(lambda: 7 in rig.computed())
        rig.process.send_signal(signal.SIGTERM)
        # The client gives no room for more than 64 KB, and the server does not go without the rest.
        with pytest.raises(subprocess.TimeoutExpired):
            rig.process.wait(3)
        room = (64 * _MIB).to_bytes(4, "big")
        client.sendall(frame(8, 0, 0, room) + frame(8, 0, 1, room))
        received = b"".join(iter(lambda: client.recv(1 << 20), b""))
    assert len(received) > 4_000_000
    assert rig.process.wait(20) == 0


def test_idle_streams_do_not_shut_the_others_out(start_rig):
    """A client with many open streams, as a pool of workers has, leaves room for a probe."""
    rig = start_rig(typed=False, queue_limit=32)
    rig.ask()
    over = threading.Event()

    def nothing():
        over.wait(60)
        yield from ()

    streams = [rig.oip.ModelStreamInfer(nothing()) for _ in range(40)]
    time.sleep(0.5)
    try:
        other = rig.new_channel().unary_unary("/inference.GRPCInferenceService/ServerLive")
        assert code_of(lambda: other(b"", timeout=60)) == "OK"
        assert code_of(lambda: rig.oip.ModelInfer(oip_request(), timeout=60)) == "OK"
    finally:
        over.set()
        for stream in streams:
            stream.cancel()


@pytest.mark.parametrize("over", [0, 1])
def test_a_message_at_the_limit_is_read_and_one_byte_more_is_not(start_rig, over):
    limit = 2 * _MIB
    rig = start_rig("--max-bytes", str(limit))
    rig.ask()
    largest = limit + _MIB + over
    typed = typed_request()
    typed.image.encoded = bytes(largest - len(pb.SegmentRequest(
        task=typed.task, precision=typed.precision).SerializeToString()) - 10)  # fmt: skip
    typed.image.encoded += bytes(largest - typed.ByteSize())
    plain = oip_request()
    plain.raw_input_contents[0] = bytes(largest - plain.ByteSize() - 10)
    plain.raw_input_contents[0] += bytes(largest - plain.ByteSize())
    assert (typed.ByteSize(), plain.ByteSize()) == (largest, largest)
    expected = "RESOURCE_EXHAUSTED" if over else "INVALID_ARGUMENT"
    assert code_of(lambda: rig.typed.Segment(typed, timeout=60)) == expected
    assert code_of(lambda: rig.oip.ModelInfer(plain, timeout=60)) == expected
    assert code_of(lambda: list(rig.oip.ModelStreamInfer(iter([plain])))) == (
        "RESOURCE_EXHAUSTED" if over else "OK"
    )
    rig.assert_well()


def test_the_largest_image_that_is_allowed_is_answered(start_rig):
    rig = start_rig("--max-bytes", str(4 * _MIB))
    raw = pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=[2048, 2048], data=bytes(4 * _MIB))
    typed = typed_request()
    typed.image.raw.CopyFrom(raw)
    assert rig.typed.Segment(typed, timeout=60).mask.height == 2048
    # The mask has as many bytes as the image, and stays below the limit for answers.
    rows = 4 * _MIB // 16
    answer = code_of(lambda: rig.oip.ModelInfer(oip_request(rows=rows), timeout=60))
    assert answer == "INVALID_ARGUMENT"  # more rows than a request may have
    rig.assert_well()


def test_an_answer_may_be_larger_than_what_may_be_sent(start_rig):
    rig = start_rig("--max-bytes", str(_MIB), typed=False, width=1_000_000)
    code = code_of(lambda: rig.oip.ModelInfer(oip_request(), timeout=60))
    assert code == "OK"
    assert rig.process.poll() is None
    live = rig.oip.ServerLive(oip.ServerLiveRequest(), timeout=5)
    assert live.live
