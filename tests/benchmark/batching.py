"""What it saves to compute waiting images together, and what that costs.

`make benchmark-batching` serves each INT8 model twice, in the engine that takes least here, one
image at a time and up to four at once, and loads both in turns, from several clients. It prints the
service's processor time for one image, and the latency that 99 of 100 requests keep.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import grpc
import psutil

from loadtest.protocols.requests import Requests, Subject
from loadtest.protocols.typed import requests_of
from wattscan import engine_choice, plugins
from wattscan.artifacts import find_cards
from wattscan.contracts import ModelCard
from wattscan.installation import models_folder
from wattscan.workloads import Workload

_BATCHES = (1, engine_choice.BATCH)
_WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    """What one turn gave: processor time of the service for one image, s; latency, s."""

    seconds: float
    p99: float


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--clients", type=int, default=8, help="how many clients send at a time (default 8)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="how many rounds to run, with batching and without in turns (default 5)",
    )
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="how many seconds a turn takes (default 6)"
    )
    parser.add_argument("--task", default="", help="measure only this task (default all)")
    args = parser.parse_args()
    cards = [
        card
        for card in find_cards(models_folder())
        if card.precision == "int8" and args.task in ("", card.task)
    ]
    command = f"make benchmark-batching BATCHING='{' '.join(sys.argv[1:])}'"
    print(f"{engine_choice.processor()}, {os.cpu_count()} processors seen, "
          f"{date.today().isoformat()}, `{command}`. {args.clients} clients, medians over "
          f"{args.rounds} turns of each, and over the turns of the ratio of two.\n")  # fmt: skip
    print("| model | engine | auto's batch | CPU alone | together | ratio | p99 alone | together "
          "| ratio |")  # fmt: skip
    print("| --- " * 9 + "|")
    for card in cards:
        print(_row(card, args), flush=True)
    return 0


def _choice(card: ModelCard) -> engine_choice.Choice:
    found = engine_choice.tuned(card.files)
    return engine_choice.cheapest(found) if found else engine_choice.Choice()


def _row(card: ModelCard, args: argparse.Namespace) -> str:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        task = plugins.task(card.task)
        subject = Subject(card.task, task.kind, {card.precision: card.name})
        requests = requests_of(Workload(), subject, card.precision)
        servers = [
            stack.enter_context(_served(card, folder / str(batch), batch)) for batch in _BATCHES
        ]
        turns: tuple[list[Load], list[Load]] = ([], [])
        for number in range(args.rounds):
            order = (0, 1) if number % 2 else (1, 0)
            for which in order:
                server, address = servers[which]
                _load(server, address, requests, args.clients, _WARM_UP_SECONDS)
                turns[which].append(_load(server, address, requests, args.clients, args.seconds))
    choice = _choice(card)
    cells = [card.name, choice.backend, str(choice.max_batch_size)]
    for value in (lambda load: load.seconds, lambda load: load.p99):
        alone, together = ([value(load) for load in loads] for loads in turns)
        ratio = statistics.median(b / a for a, b in zip(alone, together, strict=True))
        cells += [f"{1e3 * statistics.median(of):.2f} ms" for of in (alone, together)]
        cells.append(f"{ratio:.2f}")
    return f"| {' | '.join(cells)} |"


@contextmanager
def _served(card: ModelCard, folder: Path, batch: int) -> Iterator[tuple[psutil.Process, str]]:
    shutil.copytree(models_folder() / card.name, folder / card.name)
    (folder / card.name / "model.toml").write_text(f"[batching]\nmax_batch_size = {batch}\n")
    command = [sys.executable, "-m", "wattscan", "serve", "--models", str(folder)]
    command += ["--grpc-port", "0", "--metrics-port", "0"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=(folder / "log").open("wb"), text=True
    )
    try:
        yield psutil.Process(server.pid), json.loads(server.stdout.readline())["grpc"]
    finally:
        server.terminate()
        server.wait()


def _load(
    server: psutil.Process, address: str, requests: Requests, clients: int, seconds: float
) -> Load:
    before = _processor_seconds(server)
    latencies: list[float] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(requests.method, None, None)
            while time.monotonic() < end:
                start = time.monotonic()
                call(requests.message(number), timeout=30)
                latencies.append(time.monotonic() - start)
                number += clients

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = _processor_seconds(server) - before
    return Load(used / len(latencies), statistics.quantiles(latencies, n=100)[98])


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    sys.exit(main())
