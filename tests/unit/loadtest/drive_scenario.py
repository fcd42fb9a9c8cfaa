"""Runs one scenario against a client that answers after 5 ms; prints what the ledger counted.

A program of its own: Locust patches the interpreter that imports it.
"""

from locust.env import Environment  # isort: skip - patches first

import json
import sys

import gevent

from loadtest import plan as plan_module
from loadtest import scenarios
from loadtest.conductor import Conductor
from loadtest.ledger import Ledger
from loadtest.plan import Plan
from loadtest.thermometer import Thermometer
from wattscan.metrics import PROFILES, Profile

PROFILES["quick"] = Profile(idle=0.05, warmup=0.3, load=1.0, cooldown=0.05, repeats=2)
assert plan_module.PROFILES is PROFILES


class Client:
    def send(self, workload, number, name):
        gevent.sleep(0.005)
        return number % 10 != 9


kind = getattr(scenarios, sys.argv[1])
ledger = Ledger(Plan("r", "cpu", "i", "quick", sys.argv[1], 1, {"t": ("fp32", "int8")}))
ledger.scrapes = -2
conductor = Conductor(ledger._plan, ledger, Thermometer(None))
conductor._wait_for_scrapes = lambda: None
base = scenarios.Scenario
base.conductor, base.client, base.rate, base.in_flight = conductor, Client(), 50.0, 4
base.workloads = {("t", "fp32"): None, ("t", "int8"): None}
user = kind(Environment(user_classes=[kind]))
greenlet = gevent.spawn(lambda: [user.send_while_open() for _ in iter(int, 1)])
conductor.run(lambda: None)
greenlet.kill()
print(
    json.dumps(
        {
            "windows": [
                {
                    "ok": ledger._outcomes[w, "ok"],
                    "error": ledger._outcomes[w, "error"],
                    "dropped": ledger._outcomes[w, "dropped"],
                    "images": ledger._images[w],
                    "load": ledger._phases[w, "load"][1] - ledger._phases[w, "load"][0],
                }
                for w in ledger._plan.windows
            ]
        }
    )
)
