"""A server, and the proxies that clinics put before it, each with a configuration of its own."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

HERE = Path(__file__).parent
MODELS = Path(__file__).parents[2] / "models"


@dataclass
class Proxy:
    """How one is started: its Debian package, and its command from configuration and folder."""

    package: str
    program: str
    command: tuple[str, ...]


PROXIES = {
    "nginx": Proxy("nginx-light", "nginx", ("-p", "{folder}/", "-c", "{config}")),
    "haproxy": Proxy("haproxy", "haproxy", ("-f", "{config}")),
    "caddy": Proxy("caddy", "caddy", ("run", "--adapter", "caddyfile", "--config", "{config}")),
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Server:
    """`wattscan serve` on a port that stays the same when it is started again."""

    def __init__(self, folder, *options):
        self.port = free_port()
        self.log = (folder / "serve.log").open("w")
        self.options = options
        self.start()

    def start(self):
        command = [sys.executable, "-m", "wattscan", "serve", "--models", str(MODELS)]
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
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@pytest.fixture(scope="session", params=["none", *PROXIES])
def address(request, server, tmp_path_factory):
    """Where clients go: the server itself, or a proxy before it."""
    if request.param == "none":
        yield f"127.0.0.1:{server.port}"
        return
    proxy = PROXIES[request.param]
    program = shutil.which(proxy.program)
    if program is None:
        pytest.skip(f"{proxy.program} is not installed: apt-get install {proxy.package}")
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    config = folder / "config"
    text = (HERE / f"{request.param}.conf").read_text()
    values = {"PORT": port, "SERVER": f"127.0.0.1:{server.port}", "FOLDER": folder}
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    config.write_text(text)
    words = [word.format(folder=folder, config=config) for word in proxy.command]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, *words], stdout=log, stderr=log, env={"HOME": str(folder)}
        )
        try:
            wait_for(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def wait_for(port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


@pytest.fixture
def channel(address):
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    with grpc.insecure_channel(address, options) as made:
        yield made
