"""When a load closes, Offline begins no query any more: a lone one would be in the window.

In an interpreter of its own, as the load generator is: gevent patches it.
"""

import subprocess
import sys

DRIVER = """
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


def test_no_query_begins_after_the_gate_has_closed():
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
