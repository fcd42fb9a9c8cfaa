"""Wattscan's load generator: drives a whole run against one target, and exports what it saw.

    locust -f loadtest/locustfile.py --headless --host 127.0.0.1:8001 SingleStream

Its `/metrics` page has the phases, the queries and their latencies, as the metric contract says.
With workers it is the master that leads the run and has that page (docs/loadtest.md). Run as a
program, this file prints every option, Locust's and ours.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent
import grpc.experimental.gevent
from locust import User, events, task
from locust.argument_parser import parse_options
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

# Locust imports this file by its path, whatever the work folder.
sys.path.insert(0, str(Path(__file__).parents[1]))

from loadtest import options as asked
from loadtest.leader import Leader
from loadtest.member import Member
from wattscan.contracts import WattscanError


class _Scenario(User):
    """A scenario's name for Locust. Its queries are sent by the process's sender: how many there
    are at once is the scenario's, and not the number of users."""

    abstract = True

    @task
    def wait(self) -> None:
        """Locust wants a task."""
        gevent.sleep(1)


class SingleStream(_Scenario):
    """The next query when the last one returns."""


class MultiStream(_Scenario):
    """Queries of 8 images, the next when the last one returns."""


class Server(_Scenario):
    """Poisson arrivals at a rate, whether earlier ones have returned or not."""


class Offline(_Scenario):
    """A bounded number of queries, always in flight."""


@events.init_command_line_parser.add_listener
def add_arguments(parser: ArgumentParser) -> None:
    """Options of a run."""
    asked.add_arguments(parser)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Take messages, before any test begins."""
    # Before any channel, and after Locust has forked: gRPC's waits yield to other greenlets.
    grpc.experimental.gevent.init_gevent()
    # A thread of gRPC's that has an answer waits that long for the interpreter: 5 ms by default.
    sys.setswitchinterval(0.0005)
    runner = environment.runner
    if not isinstance(runner, MasterRunner):
        member = Member(environment)
        member.register()
        events.quitting.add_listener(lambda **_: member.end())
    if isinstance(runner, WorkerRunner):
        return
    leader = Leader(environment)
    try:
        leader.register()
    except WattscanError as error:
        print(f"wattscan load: {error}", file=sys.stderr, flush=True)
        sys.exit(2)
    events.test_start.add_listener(lambda **_: leader.begin())
    events.test_stop.add_listener(lambda **_: leader.stop())
    # Locust takes its exit code before it stops a test.
    events.quitting.add_listener(lambda **_: leader.stop())


if __name__ == "__main__":
    # `locust --help` does not read a locustfile: it shows no options of ours.
    parse_options(["--help"])
