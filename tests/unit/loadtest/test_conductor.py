"""A run that fails ends Locust's test: users would wait for it for ever.

In an interpreter of its own, as the load generator is: gevent patches it.
"""

import subprocess
import sys

import pytest

DRIVER = """
from locust.env import Environment

import sys
from argparse import Namespace

import gevent
from locust.runners import LocalRunner

from loadtest.leader import Leader
from wattscan.contracts import WattscanError

options = Namespace(headless=True, metrics_address="127.0.0.1", metrics_port=0, workload="")
environment = Environment(user_classes=[], parsed_options=options)
runner = environment.runner = LocalRunner(environment)
runner.quit = lambda: print("asked to quit", flush=True)
runner.register_message("wattscan-forget", lambda **_: None)

class Conductor:
    progress = {}
    def run(self):
        raise %s("planted")

leader = Leader(environment)
leader.register()
leader._prepared = Conductor
leader.begin()
gevent.sleep(0.2)
print(leader._rows())
sys.exit(environment.process_exit_code)
"""


@pytest.mark.parametrize(
    ("error", "told"), [("RuntimeError", "RuntimeError('planted')"), ("WattscanError", "planted")]
)
def test_a_run_that_fails_ends_and_says_so(error, told):
    done = subprocess.run(
        [sys.executable, "-c", DRIVER % error],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "asked to quit" in done.stdout and "'ended early'" in done.stdout
    assert f"the run ended early: {told}" in done.stderr


FAILING = """
from types import SimpleNamespace

import gevent

from loadtest import sender
from loadtest.sender import COUNTED, REFUSED, Sender

class Failing:
    def __init__(self, *_):
        pass

    def drive(self, gate):
        raise ZeroDivisionError("planted")

sender.BY_NAME = {"SingleStream": Failing}
told = []
sending = Sender(SimpleNamespace(send=None), lambda kind, data: told.append((kind, data)))
sending._requests["task", "int8"] = None
window = {"task": "task", "precision": "int8", "repeat": 1}
gate = {"gate": 1, "counts": True, "seconds": 1, "share": [0, 1], "rate": 1}
sending.open({"window": window, **gate})
gevent.sleep(0.1)
(refused, why), (counted, last) = told
assert (refused, counted) == (REFUSED, COUNTED)
assert "planted" in why["error"] and last["ended"]
"""


def test_a_load_that_fails_at_its_first_query_is_told():
    done = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
