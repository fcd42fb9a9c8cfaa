"""What is still sent when a load closes.

In interpreters of their own, as the load generator is: gevent patches it.
"""

import subprocess
import sys

START = """
from locust.env import Environment

import sys
import time
from pathlib import Path

import gevent

from loadtest.connection import Answer
from loadtest.outage import Outage
from loadtest.plan import PlannedWindow
from loadtest.protocols import Requests
from loadtest.scenarios import BY_NAME, SendingGate
from loadtest.tally import Tally
from wattscan.workloads import Workload

begun = []

def drive(seconds, end, after, **workload):
    def send(method, request, name):
        begun.append(time.perf_counter())
        gevent.sleep(seconds)
        return Answer(seconds, 1)

    chosen = Workload(in_flight=2, **workload)
    outage = Outage(lambda sentence: None, lambda: None)
    kind = BY_NAME[chosen.scenario]
    scenario = kind(chosen, Requests("/a/B", 1, (b"x",)), send, outage, "t")
    gate = SendingGate(1, PlannedWindow("t", "int8", 1), True, 1.0, (0, 1), 0.0, Tally())
    # The loop's time is that of its last turn, before the imports.
    gevent.get_hub().loop.update_now()
    gevent.spawn_later(after, end, gate)
    scenario.drive(gate)
    return gate
"""
OFFLINE = """
gate = drive(0.4, SendingGate.close, 1.0, scenario="Offline")
assert gate.tally.outcomes["ok"] == len(begun) >= 4, begun
assert max(begun) <= gate.closed, (max(begun), gate.closed)
"""
SERVER = """
ending, schedule = sys.argv[1:]
Path(schedule).write_text("0.1\\n0.2\\n0.4\\n0.6\\n")
ended = []

def end(gate):
    while time.perf_counter() < gate.begun + 0.5:
        pass  # the process does not get to the query of 0.4 s
    getattr(gate, ending)()
    ended.append(time.perf_counter())

gate = drive(0.01, end, 0.3, scenario="Server", rate=1.0, schedule=schedule)
late = sum(each > ended[0] for each in begun)
print(gate.tally.outcomes["ok"], gate.tally.outcomes["dropped"], late)
"""


def run(driver, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", START + driver, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [int(each) for each in done.stdout.split()]


def test_offline_begins_no_more_queries():
    """A lone one would be in the window."""
    run(OFFLINE)


def test_server_still_sends_what_was_due_before(tmp_path):
    ok, dropped, _ = run(SERVER, "close", str(tmp_path / "schedule"))
    assert (ok, dropped) == (3, 0)


def test_server_sends_nothing_after_the_requests_are_freed(tmp_path):
    ok, dropped, late = run(SERVER, "abandon", str(tmp_path / "schedule"))
    assert (dropped, late) == (0, 0)
    assert ok >= 2
