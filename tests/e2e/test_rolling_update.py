"""Two servers of one name are replaced, one after the other: no call of a steady client is lost."""

import json
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from rig import TINY, oip_request

from commands import WATTSCAN
from wattscan.wire import open_inference_pb2_grpc as oip_rpc

MODELS = Path(__file__).parents[1] / "data"
CALLS = 500


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def start(port, log):
    command = [*WATTSCAN, "serve", "--models", str(MODELS), "--grpc-port", str(port)]
    server = subprocess.Popen(
        [*command, "--metrics-port", "0"], stdout=subprocess.PIPE, stderr=log, text=True
    )
    line = server.stdout.readline()
    server.stdout.close()
    assert json.loads(line)["target"] == "cpu"
    return server


def end(servers):
    for server in servers:
        server.kill()
        server.wait()


def stop(server):
    """How long it takes, s, after SIGTERM."""
    since = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == 0
    return time.monotonic() - since


@pytest.mark.parametrize("policy", ["pick_first", "round_robin"])
def test_a_rolling_update_loses_no_call(tmp_path, policy):
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("w"))
        ports = [free_port(), free_port()]
        servers = [start(port, log) for port in ports]
        stack.callback(end, servers)
        took = []

        def update():
            for number, port in enumerate(ports):
                took.append(stop(servers[number]))
                servers[number] = start(port, log)
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
                stub.ModelInfer(oip_request(1.0, TINY, shape=(4, 4, 1)), timeout=10)
            except grpc.RpcError as error:
                lost.append((number, error.code().name, error.details()))
            time.sleep(0.002)
        updating.join()
        assert lost == []
        assert number >= CALLS
        # Within 2 s of its last call, and no steady client keeps it.
        assert max(took) < 4, took
