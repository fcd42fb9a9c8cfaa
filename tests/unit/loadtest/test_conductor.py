"""A conductor that fails ends the run: users would wait for it for ever.

In an interpreter of its own, as the load generator is: gevent patches it.
"""

import subprocess
import sys

DRIVER = """
import sys
from functools import partial
from types import SimpleNamespace

import gevent
from loadtest import locustfile

def fail():
    raise RuntimeError("planted")

runner = SimpleNamespace(quit=lambda: print("asked to quit", flush=True))
environment = SimpleNamespace(runner=runner, process_exit_code=None)
conducting = gevent.spawn(fail)
conducting.link_exception(partial(locustfile._end, environment))
conducting.join()
gevent.sleep(0.1)
sys.exit(environment.process_exit_code)
"""


def test_a_conductor_that_fails_ends_the_run_and_says_so():
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "asked to quit" in done.stdout
    assert "the run ended early: RuntimeError('planted')" in done.stderr
