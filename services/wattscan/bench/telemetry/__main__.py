"""`python -m wattscan.bench.telemetry`: the tables of docs/telemetry-benchmark.md."""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wattscan.bench.telemetry import attribution, cost
from wattscan.bench.telemetry.errors import CLASSES, WINDOWS, measure
from wattscan.bench.telemetry.loads import HIGH, LOADS, LOW
from wattscan.units import Seconds, microseconds_from_seconds

_MARK = "<!-- generated -->"


def main() -> int:
    """Measure, print, and with --write put the tables into their page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--trials", type=int, default=40, help="how many trials to run for each cell (default 40)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="how many seconds to measure each cost for (default 60)",
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="the page to put the tables into (default: none)"
    )
    options = parser.parse_args()
    lines = []
    for line in _page(options.trials, options.seconds):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        head = options.write.read_text(encoding="utf-8").split(_MARK)[0]
        text = "\n".join([f"{head}{_MARK}", "", *lines])
        options.write.write_text(text + "\n", encoding="utf-8")
    return 0


def _page(trials: int, seconds: float) -> Iterator[str]:
    today = datetime.datetime.now(datetime.timezone.utc).date()
    command = f"python -m wattscan.bench.telemetry --trials {trials} --seconds {seconds:g}"
    yield f"{today}, {os.cpu_count()} processors seen, `{command}`."
    yield from ("", "### Error of the energy", "", *_errors(trials))
    yield from ("", "### Cost and pace", "", *_cost(seconds))
    yield from ("", "### Energy of a request", "", *_requests())


def _errors(trials: int) -> Iterator[str]:
    yield (
        f"Loads of {LOW:g} to {HIGH:g} W, simulated time, {trials} trials a cell, each in other "
        "phases of load and source, and up to 1 s longer. 95 % of them were off by less than the "
        "first figure; the second is their mean, with its sign."
    )
    yield ""
    yield _row(["load", "source", *(f"{window:g} s" for window in WINDOWS)])
    yield _row(["---"] * (2 + len(WINDOWS)))
    for load in LOADS:
        for source in CLASSES:
            found = [measure(load, source, window, trials, seed=1) for window in WINDOWS]
            yield _row([load.name, source.name, *(f"{e.most:.2%} ({e.mean:+.2%})" for e in found)])


def _cost(seconds: float) -> Iterator[str]:
    yield f"Three sensors at {1 / cost.INTERVAL:g} Hz that read a file each, for {seconds:g} s."
    yield ""
    pace = "achieved interval of the minute furthest off, over the one asked for"
    yield _row(["beside", "of one core", pace, "time lost", "failed"])
    yield _row(["---"] * 5)
    cores = os.cpu_count() or 1
    for busy, beside in ((0, "nothing"), (2 * cores, f"{2 * cores} processes that compute")):
        with tempfile.TemporaryDirectory(prefix="wattscan-") as folder:
            taken = cost.measure(Path(folder), seconds, busy)
        yield _row(
            [
                *(beside, f"{taken.cores:.2%}", f"{taken.interval / cost.INTERVAL:.4f}"),
                *(f"{taken.lost_ratio:.2%}", str(taken.failures)),
            ]
        )


def _requests() -> Iterator[str]:
    yield "Processor time of the ledger for each request, hot, median of 5."
    yield ""
    yield _row(["requests at once", "microseconds"])
    yield _row(["---"] * 2)
    for at_once in (1, 4, 16):
        taken = statistics.median(attribution.measure(at_once) for _ in range(5))
        yield _row([str(at_once), f"{microseconds_from_seconds(Seconds(taken)):.0f}"])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
