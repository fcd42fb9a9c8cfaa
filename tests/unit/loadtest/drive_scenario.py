"""Runs one scenario against a service that answers after 5 ms; prints what the ledger counted.

A program of its own: Locust patches the interpreter that imports it.
"""

from locust.env import Environment  # isort: skip - patches first

import json
import sys
from types import SimpleNamespace

import gevent
from locust.runners import LocalRunner

from loadtest import plan as plan_module
from loadtest import sender as sender_module
from loadtest.conductor import Conductor
from loadtest.connection import Answer, Connection
from loadtest.crew import Crew
from loadtest.ledger import RunLedger
from loadtest.plan import Plan
from loadtest.protocols import Requests
from loadtest.sender import Sender, described
from loadtest.thermometer import Thermometer
from wattscan.profiles import PROFILES, Profile
from wattscan.workloads import Workload

PROFILES["quick"] = Profile(idle=0.05, warmup=0.3, load=1.0, cooldown=0.05, repeats=2)
assert plan_module.PROFILES is PROFILES


class FakeConnection(Connection):
    numbers = iter(range(10**9))

    def __init__(self):
        self.address = "127.0.0.1:1"

    def send(self, method, request, name):
        assert (method, name[:2]) == ("/a/B", "t-")
        gevent.sleep(0.005)
        failed = next(self.numbers) % 10 == 9
        return Answer(0.005, 0, "INTERNAL", "planted") if failed else Answer(0.005, 9)


class Planted:
    def __init__(self, connection):
        pass

    def subjects(self):
        return {}

    def requests(self, workload, subject, variant):
        images = int(sys.argv[2]) if len(sys.argv) > 2 else 1
        return Requests("/a/B", images, (b"1", b"2", b"3"))


sender_module.PROTOCOLS = {"wattscan.v1": Planted}
environment = Environment(user_classes=[])
runner = environment.runner = LocalRunner(environment)
crew = Crew(environment)
sender = Sender(FakeConnection(), lambda kind, data: runner.send_message(kind, dict(data)))
for kind, act in (
    (sender_module.PREPARE, sender.prepare),
    (sender_module.OPEN, sender.open),
    (sender_module.CLOSE, sender.close),
):
    runner.register_message(kind, lambda msg, act=act, **_: act(msg.data))
for kind, note in (
    (sender_module.PREPARED, crew.note_prepared),
    (sender_module.COUNTED, crew.note_counted),
):
    runner.register_message(kind, lambda msg, note=note, **_: note(msg.node_id, msg.data))
workload = Workload(scenario=sys.argv[1], rate=50.0, in_flight=4, seed=1)
plan = Plan("r", "cpu", "i", workload, {"t": ("fp32", "int8")})
ledger = RunLedger(plan)
subject = [{"name": "t", "kind": "", "models": {}}, ["fp32", "int8"]]
crew.prepare({"run": "r", "workload": described(workload), "subjects": [subject]})
conductor = Conductor(plan, ledger, Thermometer(None), crew)
conductor._wait_for_scrapes = lambda: None
conductor.run()
phases = SimpleNamespace(of=ledger._phases)
print(
    json.dumps(
        {
            "windows": [
                {
                    **ledger.tally(w).outcomes,
                    "images": ledger.tally(w).images,
                    "errors": ledger.tally(w).errors,
                    "load": phases.of[w, "load"][1] - phases.of[w, "load"][0],
                }
                for w in plan.windows
            ]
        }
    )
)
