"""The load on a server: its answer is checked through grpcio, then h2load asks again and again.

`python -m loadtest.serving.client` reads a `LoadJob` as a line of JSON, and prints a line for each
window: a `TimedStretch`, or an object with `error`, after which it ends with exit code 1.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

from loadtest.serving import h2load
from loadtest.serving.calls import Exchange
from loadtest.serving.connection import TIMEOUT, SharedConnection, TensorConnection, connect
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.process_tree import cpu_seconds
from loadtest.serving.window import ENOUGH_FOR_P99, TimedStretch, summarise

_WARM_UP = 12
"""Requests of each client: enough to tell the rate."""


@dataclass(frozen=True)
class LoadJob:
    """A server, and the loads to put on it one after the other."""

    protocol: str
    address: str
    model: str
    clients: tuple[int, ...]
    seconds: float
    server: int
    """Process id of the server's first process."""
    exchange: str
    """File with `calls.Exchange`."""
    folder: str
    """For the clients' files; who gives the job removes it."""


def load(
    job: LoadJob, connection: TensorConnection | SharedConnection, clients: int
) -> TimedStretch:
    """One checked answer; a warm-up; then as many requests as its rate gives in `job.seconds`, and
    as many as a percentile 99 needs.

    Raises: BenchmarkError, for a request that failed or a server's process that ended.
    """
    url = f"http://{job.address}{connection.method}"
    answer = connection.check()
    request = h2load.request(Path(job.folder), url, connection.request, answer)
    limit = TIMEOUT + 3 * job.seconds
    warm = h2load.run(request, clients, _WARM_UP, limit)
    request = dataclasses.replace(request, answer=warm.answer)
    count = max(math.ceil(ENOUGH_FOR_P99 / clients), round(_WARM_UP / warm.wall * job.seconds))
    before = cpu_seconds(job.server)
    seen = h2load.run(request, clients, count, limit)
    server = _used(before, cpu_seconds(job.server))
    return summarise(clients, seen.latencies, seen.wall, server, seen.cpu)


def _used(before: dict[int, float], after: dict[int, float]) -> float:
    if gone := before.keys() - after.keys():
        raise BenchmarkError(f"{len(gone)} of the server's processes ended under load")
    return sum(after.values()) - sum(before.values())


def _window(job: LoadJob, clients: int, exchange: Exchange) -> TimedStretch | None:
    """The load of so many clients; of no seconds, a checked answer only."""
    connection = connect(job.protocol, job.address, job.model, exchange)
    try:
        if job.seconds:
            return load(job, connection, clients)
        connection.check()
        return None
    finally:
        connection.close()


def _text(error: grpc.RpcError) -> str:
    if isinstance(error, grpc.Call):
        return f"{error.code().name}: {error.details()}"
    return f"{type(error).__name__}: {error}"


def main() -> int:
    """Read the job, do it; returns the exit code."""
    job = LoadJob(**json.loads(sys.stdin.readline()))
    with np.load(Path(job.exchange)) as arrays:
        exchange = dict(arrays)
    try:
        for count in job.clients:
            window = _window(job, count, exchange)
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
