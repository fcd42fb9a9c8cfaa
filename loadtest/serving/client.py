"""The load: a process with a thread for each client, in a closed loop.

`python -m loadtest.serving.client` reads a `Job` as a line of JSON, and prints a line for each
window: a `Window`, or an object with `error`, after which it ends with exit code 1.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

from loadtest.serving.calls import Expected
from loadtest.serving.connection import Connection, SharedConnection, connect
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.process_tree import cpu_seconds
from loadtest.serving.window import Window, summarise

_WARM_UP = 4


@dataclass(frozen=True)
class Job:
    """A server, and the loads to put on it one after the other."""

    protocol: str
    address: str
    model: str
    clients: tuple[int, ...]
    seconds: float
    server: int
    """Process id of the server's first process."""
    expected: str
    """File with the bare session's answers."""


class Load:
    """That many clients, connected and warm."""

    def __init__(self, connections: Sequence[Connection | SharedConnection]) -> None:
        self._connections = connections
        self._start = threading.Barrier(len(connections) + 1)
        self._latencies: list[list[float]] = [[] for _ in connections]
        self._errors: list[Exception] = []
        self._ended = [0.0 for _ in connections]

    def run(self, server: int, seconds: float) -> Window:
        """All at once, until the time is over and the last answer is there.

        Raises: BenchmarkError, for the first request that failed.
        """
        threads = [
            threading.Thread(target=self._loop, args=(number, seconds), daemon=True)
            for number in range(len(self._connections))
        ]
        for thread in threads:
            thread.start()
        before = cpu_seconds(server)
        cpu = time.process_time()
        self._start.wait()
        start = time.perf_counter()
        for thread in threads:
            thread.join()
        cpu = time.process_time() - cpu
        after = cpu_seconds(server)
        if self._errors:
            raise BenchmarkError(f"a request failed under load: {_text(self._errors[0])}")
        latencies = [value for each in self._latencies for value in each]
        return summarise(
            *(len(threads), latencies, max(self._ended) - start, _used(before, after), cpu)
        )

    def _loop(self, number: int, seconds: float) -> None:
        send, latencies = self._connections[number].send, self._latencies[number]
        clock = time.perf_counter
        self._start.wait()
        now = clock()
        until = now + seconds
        try:
            while now < until and not self._errors:
                send()
                latencies.append(clock() - now)
                now = clock()
        except Exception as error:  # whatever it is, it spoils the window
            self._errors.append(error)
        self._ended[number] = now


def _used(before: dict[int, float], after: dict[int, float]) -> float:
    if gone := before.keys() - after.keys():
        raise BenchmarkError(f"{len(gone)} of the server's processes ended under load")
    return sum(after.values()) - sum(before.values())


def _window(job: Job, count: int, expected: Expected) -> Window | None:
    """Connect, check one answer of each client, warm up, and load; None if for no time."""
    connections: list[Connection | SharedConnection] = []
    try:
        for number in range(count):
            connection = connect(job.protocol, job.address, job.model, number, expected)
            connections.append(connection)
            connection.check()
        if not job.seconds:
            return None
        for connection in connections * _WARM_UP:
            connection.send()
        return Load(connections).run(job.server, job.seconds)
    finally:
        for connection in connections:
            connection.close()


def _text(error: Exception) -> str:
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return f"{error.code().name}: {error.details()}"
    return f"{type(error).__name__}: {error}"


def main() -> int:
    """Read the job, do it; returns the exit code."""
    job = Job(**json.loads(sys.stdin.readline()))
    with np.load(Path(job.expected)) as answers:
        expected = Expected(answers["logits"], answers["typed_logits"])
    try:
        for count in job.clients:
            window = _window(job, count, expected)
            print(json.dumps(window.__dict__ if window else {}), flush=True)
    except BenchmarkError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    except grpc.RpcError as error:
        print(json.dumps({"error": _text(error)}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
