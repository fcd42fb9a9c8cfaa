"""Two servers of one name are replaced, one after the other: no call of a steady client is lost."""

import json
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from rig import TINY, oip_request

from service_process import ServiceProcess
from wattscan.wire import open_inference_pb2_grpc as oip_rpc

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[1] / "data"
CALLS = 500


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def start(port, folder):
    log = folder / f"{port}-{time.monotonic_ns()}.log"
    return ServiceProcess(log, "--models", MODELS, ports=(port, 0))


def end(servers):
    for server in servers:
        server.end()


def stop(server):
    """How long it takes, s, after SIGTERM."""
    since = time.monotonic()
    assert server.end() == 0, server.log_text
    return time.monotonic() - since


@pytest.mark.parametrize("policy", ["pick_first", "round_robin"])
def test_a_rolling_update_loses_no_call(tmp_path, policy):
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        servers = [start(port, tmp_path) for port in ports]
        stack.callback(end, servers)
        took = []

        def update():
            for number, port in enumerate(ports):
                took.append(stop(servers[number]))
                servers[number] = start(port, tmp_path)
                time.sleep(0.5)

        updating = threading.Thread(target=update)
        addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
        config = json.dumps({"loadBalancingConfig": [{policy: {}}]})
        options = [
            ("grpc.service_config", config),
            ("grpc.use_local_subchannel_pool", 1),
            # A server that is back is found again before the next one goes.
            ("grpc.max_reconnect_backoff_ms", 200),
        ]
        channel = stack.enter_context(grpc.insecure_channel(f"ipv4:{addresses}", options))
        stub = oip_rpc.GRPCInferenceServiceStub(channel)
        lost = []
        for number in range(CALLS * 100):
            if number == CALLS // 10:
                updating.start()
            if number >= CALLS and not updating.is_alive():
                break
            try:
                stub.ModelInfer(oip_request(1.0, TINY, shape=(4, 4, 1)), timeout=60)
            except grpc.RpcError as error:
                lost.append((number, error.code().name, error.details()))
            time.sleep(0.002)
        updating.join()
        assert lost == []
        assert number >= CALLS
        # No steady client keeps it: the grace is longer than this.
        assert max(took) < 15, took
