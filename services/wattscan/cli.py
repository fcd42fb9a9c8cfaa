"""The command line: the only place where the pieces are put together.

A command's modules are imported when it is chosen, so that a probe (`wattscan health`) takes
little time of a device that is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from wattscan import __version__
from wattscan.contracts import WattscanError, printable

_Parts: TypeAlias = tuple[
    Callable[[argparse.ArgumentParser], object], Callable[[argparse.Namespace], int]
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. An error that a user can act on is one line."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser(words).parse_args(words)
    command: Callable[[argparse.Namespace], int] = options.execute
    try:
        code = command(options)
        sys.stdout.flush()
        return code
    except WattscanError as error:
        print(f"wattscan: {printable(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader has gone (`wattscan ... | head`); nothing more can be said to it.
            _give_up_output()
            return 128 + signal.SIGPIPE  # as of a program that the signal ends
        what = error.filename or "standard output, or a file that was written"
        print(f"wattscan: {what}: {error.strerror or error}", file=sys.stderr)
        _give_up_output()
        return 2


def _give_up_output() -> None:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # Else the interpreter's end would try once more, and tell of it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """With the options of the command that the words name."""
    parser = argparse.ArgumentParser(
        prog="wattscan",
        description="What does one medical scan cost on this hardware, in joules, and what does "
        "INT8 save without hurting the diagnosis? Not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"wattscan {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    chosen = next((word for word in words if not word.startswith("-")), "")
    for each in _COMMANDS:
        p = commands.add_parser(each.name, help=each.summary, description=each.description)
        if each.name == chosen:
            add_arguments, run = each.parts()
            p.set_defaults(execute=run)
            add_arguments(p)
    return parser


def _bench() -> _Parts:
    from wattscan.bench import cli

    return cli.add_arguments, cli.run


def _serve() -> _Parts:
    from wattscan.serve import serve
    from wattscan.serving import cli

    return cli.add_serve_arguments, serve


def _collect() -> _Parts:
    from wattscan.collector import cli

    return cli.add_arguments, cli.run


def _compare() -> _Parts:
    from wattscan.collector import compare_cli

    return compare_cli.add_arguments, compare_cli.run


def _sensors() -> _Parts:
    from wattscan.telemetry import cli

    return cli.add_arguments, cli.run


def _models() -> _Parts:
    from wattscan.training import cli

    return _add_model_arguments, cli.run


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    from wattscan.bench import tuning
    from wattscan.training import cli

    commands = cli.add_arguments(parser)
    tuning.add_arguments(
        commands.add_parser(
            "tune",
            help="find and keep the engine that costs the least on this machine, for each model",
            description="Runs every installed engine that reproduces a model, with one image and "
            "with batches of 4, in turns, and keeps what an image costs in each: processor time, "
            "and joules where a sensor counts them. `serve` and `bench` use the cheapest where the "
            "target's backend is auto, as the CPU's is. Under two minutes for six models; close "
            "everything else first. It holds until a model's file, an engine's version or the "
            "processor changes.",
        )
    )


def _loadtest_path() -> _Parts:
    from wattscan.installation import locustfile

    def run(_: argparse.Namespace) -> int:
        print(locustfile())
        return 0

    return lambda _: None, run


def _health() -> _Parts:
    from wattscan.serving import health_cli

    return health_cli.add_health_arguments, health_cli.run_health


@dataclass(frozen=True)
class Command:
    """A command: its line in the list of commands, the head of its own help, and what adds its
    options and runs it."""

    name: str
    summary: str
    description: str
    parts: Callable[[], _Parts]


_COMMANDS = (
    Command(
        "bench",
        "measure this machine: serve, load, record, print the energy table",
        "The main job, on one machine with nothing else running: starts the service and the load "
        "generator, records their metrics, and reduces them to tables and a report in "
        "DIR/<run>/.",
        _bench,
    ),
    Command(
        "serve",
        "serve the models on one target, with metrics",
        "Serves every model of the folder over gRPC, exports Prometheus metrics, and prints one "
        "line of JSON when it is ready. SIGTERM or Ctrl-C drains it.",
        _serve,
    ),
    Command(
        "collect",
        "reduce a recording or a Prometheus server's series to tables",
        "Reduces one run's series to the energy, paper, quality and projections tables.",
        _collect,
    ),
    Command(
        "compare",
        "what changed between two runs; exit code 1 if something got worse",
        "Prints what changed from RUN_A to RUN_B (model, engine, driver, machine, software, load), "
        "and energy, latency and quality of each task and variant side by side, with the ratio and "
        "its 95 % interval. Exit code 0: nothing is shown to be worse beyond its threshold; 1: "
        "something is; 2: the runs cannot be read or compared. Without an interval, such as of the "
        "quick profile, nothing is shown.",
        _compare,
    ),
    Command(
        "sensors",
        "what this machine can measure, read live, and why not the rest",
        "Reads the target's sensors for a moment and prints what they show, with scope, method and "
        "uncertainty; then why each other sensor is not there. Exit code 1: nothing here gives "
        "power or energy.",
        _sensors,
    ),
    Command(
        "models",
        "train, quantize, export, check, tune and list models",
        "The model pipeline and its artifacts.",
        _models,
    ),
    Command(
        "loadtest-path",
        "print where the load generator is, for locust -f",
        "Prints the path of the load generator's file: locust -f $(wattscan loadtest-path) --help "
        "has its options.",
        _loadtest_path,
    ),
    Command(
        "health",
        "ask a service whether it is serving; exit code 0 if so",
        "Asks the standard gRPC health service. Exit code 0: SERVING; 1: not; 2: no answer.",
        _health,
    ),
)
