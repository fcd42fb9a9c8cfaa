"""Two servers, and the proxies that clinics put before them, each with its configuration."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLIENTS = ROOT / "build" / "clients"
PEERS = CLIENTS / "peers" / "bin"
SETUP = "make test-peers"


@dataclass
class Proxy:
    """How one is started: what has it, and its command from configuration and folder."""

    comes_with: str
    program: str
    command: tuple[str, ...]
    config: str


PROXIES = {
    "nginx": Proxy("nginx-light", "nginx", ("-p", "{folder}/", "-c", "{config}"), "nginx.conf"),
    "haproxy": Proxy("haproxy", "haproxy", ("-f", "{config}"), "haproxy.conf"),
    "caddy": Proxy(
        "caddy", "caddy", ("run", "--adapter", "caddyfile", "--config", "{config}"), "caddy.conf"
    ),
    "envoy": Proxy(
        SETUP,
        str(PEERS / "envoy"),
        ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warn", "-c", "{config}"),
        "envoy.yaml",
    ),
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Server:
    """`wattscan serve` on a port that stays the same when it is started again."""

    def __init__(self, folder, *options, prefix=()):
        self.port = free_port()
        self.log = (folder / f"serve-{self.port}.log").open("w")
        self.options, self.prefix = options, prefix
        self.start()

    def start(self):
        command = [
            *self.prefix,
            sys.executable,
            "-m",
            "wattscan",
            "serve",
            "--models",
            str(ROOT / "models"),
        ]
        command += ["--grpc-port", str(self.port), "--metrics-port", "0", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        self.process.stdout.close()
        assert json.loads(line)["target"] == "cpu"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    made = [Server(tmp_path_factory.mktemp("server")) for _ in range(2)]
    yield made
    for server in made:
        server.close()


@contextmanager
def running(name, servers, folder):
    """The address of a proxy before those servers; of the first server itself, for `none`."""
    if name == "none":
        yield f"127.0.0.1:{servers[0].port}"
        return
    proxy = PROXIES[name]
    program = shutil.which(proxy.program)
    if program is None:
        pytest.skip(f"{name} is not installed: {proxy.comes_with}")
    port, config = free_port(), folder / proxy.config
    text = (HERE / proxy.config).read_text()
    first, second = (server.port for server in servers)
    values = {"PORT": port, "FIRST": first, "SECOND": second, "FOLDER": folder}
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    config.write_text(text)
    words = [word.format(folder=folder, config=config) for word in proxy.command]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *words], stdout=log, stderr=log, env={"HOME": str(folder)}
        )
        try:
            wait_until_served(f"127.0.0.1:{port}")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def wait_until_served(address):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    end = time.monotonic() + 15
    with opened(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        while True:
            try:
                check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                assert time.monotonic() < end, f"nobody answers at {address}"
                time.sleep(0.05)
            else:
                return


@pytest.fixture(scope="session", params=["none", *PROXIES])
def proxy(request, servers, tmp_path_factory):
    """The name of what clients go through, and its address."""
    with running(request.param, servers, tmp_path_factory.mktemp(request.param)) as address:
        yield request.param, address


@pytest.fixture
def address(proxy):
    return proxy[1]


def opened(address):
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    return grpc.insecure_channel(address, options)


@pytest.fixture
def channel(address):
    with opened(address) as made:
        yield made
