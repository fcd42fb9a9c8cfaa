"""A server that may have 512 MB, and clients that send more than that at once."""

import contextlib
import os
import threading
from collections import Counter
from pathlib import Path

import grpc
import pytest
from peer_messages import picture, tensor

from conftest import Server, opened
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

LIMIT = 512 << 20
JOIN = 'echo $$ > "$0" && exec "$@"'
_CONTROLLERS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)


@pytest.fixture
def group():
    """A memory control group: the file that takes a process's number."""
    for top, limit in _CONTROLLERS:
        folder = top / f"wattscan-test-{os.getpid()}"
        try:
            folder.mkdir()
            (folder / limit).write_text(str(LIMIT))
        except OSError:
            continue
        yield folder / "cgroup.procs"
        folder.rmdir()
        return
    pytest.skip("no memory control group can be made here: run as root")


@pytest.fixture
def server(group, tmp_path):
    made = Server(tmp_path, "--max-bytes", "33554432", prefix=("sh", "-c", JOIN, str(group)))
    yield made
    made.close()


def assert_lives(server):
    assert server.process.poll() is None, "killed"
    with opened(f"127.0.0.1:{server.port}") as channel:
        stub = rpc.ImagingServiceStub(channel)
        for _ in range(20):
            assert stub.Segment(picture(300), timeout=20).mask.width == 300


def test_large_messages_are_refused_and_the_server_lives(server):
    codes, large = Counter(), picture(5500)

    def send():
        with opened(f"127.0.0.1:{server.port}") as channel:
            stub = rpc.ImagingServiceStub(channel)
            for _ in range(3):
                for call in [stub.Segment.future(large, timeout=60) for _ in range(4)]:
                    codes[call.code()] += 1

    senders = [threading.Thread(target=send) for _ in range(8)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert codes.keys() <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes[grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert_lives(server)


def outcome(stream):
    with contextlib.suppress(grpc.RpcError):
        list(stream)
    return stream.code()


def test_streams_of_large_messages_are_refused_and_the_server_lives(server):
    asked = tensor(880)  # 32 MB, for no model: what one takes for so many rows is its own
    asked.model_name = "none"
    large = asked.SerializeToString()
    with opened(f"127.0.0.1:{server.port}") as channel:
        begin = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        streams = [begin(iter([large]), timeout=60) for _ in range(30)]
        codes = Counter(outcome(stream) for stream in streams)
    assert codes.keys() <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes[grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert_lives(server)
