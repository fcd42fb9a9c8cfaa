"""`wattscan sensors`: what this machine can measure, and why not the rest."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from wattscan.contracts import printable
from wattscan.targets import load_target
from wattscan.telemetry import calibrate, push
from wattscan.telemetry.arguments import add_place, seconds
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.late_sensors import LateSensors
from wattscan.telemetry.live import LiveRow, rows
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.unused import unused_names
from wattscan.telemetry.verify import cli as verify

_CLEAR = "\x1b[H\x1b[2J"
_HEADINGS = (
    "sensor", "domain or zone", "power [W]", "energy [J]", "temp. [C]", "scope", "method",
    "interval [s]", "uncertainty", "state",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan sensors` and of what it has below it."""
    _add_commands(parser)
    add_place(parser)
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=1.0,
        help="how many seconds to measure before each table is printed (default 1)",
    )
    parser.add_argument(
        "--watch", action="store_true", help="print the table again and again until Ctrl-C"
    )
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text prints a table; json prints one line for each table, in base units (default "
        "text)",
    )


def _add_commands(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(metavar="[push | calibrate | verify]", required=False)
    push.add_arguments(
        below.add_parser(
            "push",
            help="hand over a reading of a camera, a logger or a script",
            description="Writes readings into a folder, from where the sensor `bridge` takes them. "
            "They count as stale after the bridge's stale_after_seconds.",
        )
    )
    calibrate.add_arguments(
        below.add_parser(
            "calibrate",
            help="find a sensor's gain and offset against a better meter",
            description="Runs loads in steps, reads a sensor and a meter side by side, fits gain "
            "and offset, and writes them. Named as `calibration` in the sensor's entry of the "
            "target's TOML, they put right all that the exporter shows of it.",
        )
    )
    verify.add_arguments(
        below.add_parser(
            "verify",
            help="check a device's sensors against each other, and write a page of it",
            description="Runs idle and stepped loads, reads every source of power and energy of "
            "the target, and compares them: periods, resolution, counter against integrated power, "
            "bursts, the energy of requests, the cost of sampling. Writes a page that can be sent "
            "in. Exit code: 0 where nothing differs, 1 where something does, 2 where there is "
            "nothing to verify.",
        )
    )


def run(options: argparse.Namespace) -> int:
    """Print the table; 0 where something gives power or energy, else 1. Raises: WattscanError."""
    logging.getLogger("wattscan").setLevel(logging.ERROR)  # the table tells
    target = load_target(options.target)
    found = discover(target, options.sysfs)
    sampler = Sampler(found.sensors, target.sample_interval, Ledger())
    late_sensors = LateSensors(found.awaited, options.sysfs, sampler)
    sampler.start()
    late_sensors.start()
    try:
        while True:
            time.sleep(options.seconds)
            sampler.sample()
            table = rows(found, sampler)
            notices = unused_names(sampler)
            if options.format == "json":
                told = {"sensors": [asdict(row) for row in table], "notices": notices}
                print(json.dumps({"target": target.name, **told}, allow_nan=False), flush=True)
            else:
                clear = _CLEAR if options.watch and sys.stdout.isatty() else ""
                head = printable(f"{target.title} ({target.name})")
                print(f"{clear}{head}\n\n{text(table, notices)}", flush=True)
            if not options.watch:
                return 0 if any(row.energy is not None for row in table) else 1
    finally:
        late_sensors.stop()
        sampler.stop()


def text(table: Sequence[LiveRow], notices: Sequence[str] = ()) -> str:
    """The table for a terminal: columns, a line for each sensor that is not here, the notices."""
    here = [row for row in table if row.state in ("table", "up")]
    lines = [_HEADINGS, *(tuple(map(printable, _cells(row))) for row in here)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    missing = [f"{row.sensor}: {row.state}: {row.why}" for row in table if row not in here]
    if not any(row.energy is not None for row in here):
        missing.insert(0, "Nothing here gives power or energy.")
    rest = map(printable, [*missing, *notices])
    return "\n".join([*(shown if here else []), "", *rest]).strip("\n") + "\n"


def _cells(row: LiveRow) -> tuple[str, ...]:
    ratio = row.uncertainty_ratio
    return (
        *(row.sensor, row.covers),
        *(_number(value, 3) for value in (row.power, row.energy)),
        *(_number(row.temperature, 1), row.scope, row.method, _number(row.interval, 3)),
        *(
            "" if ratio is None else f"{ratio:.1%}",
            "read by tables" if row.state == "table" else "",
        ),
    )


def _number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"
