"""What is still sent when a load closes.

In interpreters of their own, as the load generator is: gevent patches it.
"""

import subprocess
import sys

OFFLINE = """
from locust.env import Environment

import time

import gevent

from loadtest.connection import Answer
from loadtest.outage import Outage
from loadtest.plan import PlannedWindow
from loadtest.protocols import Requests
from loadtest.scenarios import OfflineScenario, SendingGate
from loadtest.tally import Tally
from wattscan.workloads import Workload

begun = []

def send(method, request, name):
    begun.append(time.perf_counter())
    gevent.sleep(0.4)
    return Answer(0.4, 1)

workload = Workload(scenario="Offline", in_flight=2)
outage = Outage(lambda sentence: None, lambda: None)
scenario = OfflineScenario(workload, Requests("/a/B", 1, (b"x",)), send, outage, "t")
gate = SendingGate(1, PlannedWindow("t", "int8", 1), True, 1.0, (0, 1), 0.0, Tally())
# The loop's time is that of its last turn, before the imports.
gevent.get_hub().loop.update_now()
gevent.spawn_later(1.0, gate.close)
scenario.drive(gate)
assert gate.tally.outcomes["ok"] == len(begun) >= 4, begun
assert max(begun) <= gate.closed, (max(begun), gate.closed)
"""


SERVER = """
from locust.env import Environment

import sys
import time

import gevent

from loadtest.connection import Answer
from loadtest.outage import Outage
from loadtest.plan import PlannedWindow
from loadtest.protocols import Requests
from loadtest.scenarios import SendingGate, ServerScenario
from loadtest.tally import Tally
from wattscan.workloads import Workload

ending, schedule = sys.argv[1:]
open(schedule, "w").write("0.1\\n0.2\\n0.4\\n0.6\\n")

def send(method, request, name):
    gevent.sleep(0.01)
    return Answer(0.01, 1)

workload = Workload(scenario="Server", rate=1.0, in_flight=2, schedule=schedule)
outage = Outage(lambda sentence: None, lambda: None)
scenario = ServerScenario(workload, Requests("/a/B", 1, (b"x",)), send, outage, "t")
gate = SendingGate(1, PlannedWindow("t", "int8", 1), True, 1.0, (0, 1), 0.0, Tally())
gevent.get_hub().loop.update_now()

def busy():
    while time.perf_counter() < gate.begun + 0.5:
        pass  # the process does not get to the query of 0.4 s
    getattr(gate, ending)()

gevent.spawn_later(0.3, busy)
scenario.drive(gate)
print(gate.tally.outcomes["ok"], gate.tally.outcomes["dropped"])
"""


def run(driver, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", driver, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_offline_begins_no_query_any_more():
    """A lone one would be in the window."""
    run(OFFLINE)


def test_server_still_sends_what_was_due_before(tmp_path):
    assert run(SERVER, "close", str(tmp_path / "schedule")) == ["3", "0"]


def test_server_sends_nothing_after_the_requests_are_freed(tmp_path):
    sent, dropped = run(SERVER, "abandon", str(tmp_path / "schedule"))
    assert (sent, dropped) in {("2", "0"), ("3", "0")}  # 3 where the machine itself was late
