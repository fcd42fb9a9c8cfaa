"""Our load generator beside MLPerf's LoadGen: the same arrivals at the same service, in turns.

    make benchmark-loadgen

LoadGen sends first; when it sent each query is the schedule that ours replays. Printed are the
medians and ranges of the percentiles over several turns of each. The service has a processor of its
own, and either generator the others: what a generator computes is not to be taken for latency.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "e2e"))

from load import Load

from loadtest.connection import Connection
from loadtest.protocols import PROTOCOLS
from wattscan.collector.load import Histogram
from wattscan.engine_choice import processor
from wattscan.installation import locustfile
from wattscan.workloads import Workload

_QUANTILES = (0.5, 0.9, 0.99)
_SUT = Path(__file__).parent / "loadgen_sut.py"


@dataclass(frozen=True)
class Cell:
    """What is asked, how, and how often (queries/s)."""

    task: str
    protocol: str
    rate: float


_CELLS = (
    Cell("nerve-ultrasound", "wattscan.v1", 20.0),
    Cell("nerve-ultrasound", "oip", 40.0),
    Cell("chest-xray", "wattscan.v1", 20.0),
)


def main() -> int:
    """Print the table; 1 where the two do not agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python", required=True, help="the Python of an environment with mlcommons-loadgen"
    )
    parser.add_argument(
        "--turns", type=int, default=5, help="how many turns each generator has (default 5)"
    )
    parser.add_argument(
        "--seconds", type=float, default=45.0, help="how many seconds a turn takes (default 45)"
    )
    args = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} processors seen, {date.today().isoformat()}, "
          f"`make benchmark-loadgen LOADGEN='{' '.join(sys.argv[3:])}'`: INT8, "
          f"{args.turns} turns of LoadGen and {2 * args.turns} of ours.\n")  # fmt: skip
    print("| task | protocol | queries/s | percentile | LoadGen, ms (range) | ours, ms (range) | "
          "within LoadGen's range |\n" + "| --- " * 7 + "|")  # fmt: skip
    command = [sys.executable, "-m", "wattscan", "serve", "--grpc-port", "0", "--metrics-port", "0"]
    service, *generators = sorted(os.sched_getaffinity(0))
    if not generators:
        raise SystemExit("the service and the generator need a processor each: there is one")
    os.sched_setaffinity(0, {service})  # the process that starts next inherits it
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "serve.log").open("w") as log:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            address = json.loads(server.stdout.readline())["grpc"]
            os.sched_setaffinity(0, generators)
            agree = [_measured(cell, address, args, Path(folder)) for cell in _CELLS]
        finally:
            server.terminate()
            server.wait()
    return 0 if all(agree) else 1


def _measured(cell: Cell, address: str, args: argparse.Namespace, folder: Path) -> bool:
    method, messages = _requests(cell, address, folder)
    schedule = folder / "due.txt"
    schedule.unlink(missing_ok=True)
    theirs: list[list[float]] = []
    ours: list[list[float]] = []
    for _ in range(args.turns):
        out = folder / "loadgen.json"
        words = [address, method, messages, cell.rate, args.seconds, out]
        subprocess.run([args.python, str(_SUT), *map(str, words)], check=True)
        found = json.loads(out.read_text())
        theirs.append(found["percentiles"])
        if not schedule.exists():
            schedule.write_text("".join(f"{due:.6f}\n" for due in found["due"]))
        ours += _replayed(cell, address, schedule)
    agree = True
    for place, name in enumerate(("p50", "p90", "p99")):
        mine, other = ([1e3 * each[place] for each in runs] for runs in (ours, theirs))
        within = min(other) <= statistics.median(mine) <= max(other)
        agree &= within
        print(f"| {cell.task} | {cell.protocol} | {cell.rate:g} | {name} | {_told(other)} | "
              f"{_told(mine)} | {'yes' if within else 'no'} |", flush=True)  # fmt: skip
    return agree


def _told(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _requests(cell: Cell, address: str, folder: Path) -> tuple[str, Path]:
    """The method, and a folder with the bytes of each request."""
    messages = folder / f"{cell.task}-{cell.protocol}"
    messages.mkdir()
    speaks = PROTOCOLS[cell.protocol](Connection(address))
    workload = Workload(protocol=cell.protocol)
    requests = speaks.requests(workload, speaks.subjects()[cell.task], "int8")
    for number, message in enumerate(requests.messages):
        (messages / f"{number:04}").write_bytes(message)
    return requests.method, messages


def _replayed(cell: Cell, address: str, schedule: Path) -> list[list[float]]:
    """The percentiles of each of two windows."""
    run = Load(
        *("--host", address, "Server", "--task", cell.task, "--variants", "int8"),
        *("--reference", "int8", "--protocol", cell.protocol, "--schedule", schedule),
        *("--in-flight", 1000),
        file=locustfile(),
        scrape_seconds=5,  # as Prometheus does: a page takes the generator milliseconds
    )
    if run.end(600):
        raise SystemExit(f"the load generator failed: {run.said}")
    found = []
    for repeat in ("1", "2"):
        buckets = sorted(
            (float(labels["le"]), count)
            for labels, count in run.samples(
                "wattscan_client_latency_seconds_bucket", repeat=repeat
            )
        )
        bounds, counts = zip(*buckets, strict=True)
        histogram = Histogram(bounds, counts)
        found.append([float(histogram.quantile(ratio)) for ratio in _QUANTILES])
    return found


if __name__ == "__main__":
    sys.exit(main())
