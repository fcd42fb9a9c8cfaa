"""Servers of the Prometheus HTTP API as child processes."""

import socket
import subprocess
import urllib.request
from contextlib import contextmanager

from waiting import wait_until


@contextmanager
def prometheus(recordings, folder):
    """The address of a Prometheus that has taken in recordings, by their paths."""
    data = folder / "data"
    for path in recordings:
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
        subprocess.run([*command, str(path), str(data)], check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n", encoding="utf-8")
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with running(command, f"http://127.0.0.1:{port}", "/-/ready") as address:
        yield address


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running(command, address, ready):
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:

        def is_ready():
            assert server.poll() is None, server.stderr.read().decode()
            try:
                urllib.request.urlopen(f"{address}{ready}", timeout=5).close()
            except OSError:
                return False
            return True

        wait_until(is_ready, 60, why=lambda: f"{command[0]} did not start")
        yield address
    finally:
        server.terminate()
        server.communicate(timeout=60)
