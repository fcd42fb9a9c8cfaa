"""`wattscan` with the tests' own plug-ins beside its own: a backend and a sensor that fail.

    python faulty.py serve --target faulty.toml ...

The service's code knows nothing of it: a plug-in is whatever module lies on the package's path.
"""

from __future__ import annotations

import os
import runpy
import threading
import time
from pathlib import Path

import wattscan.backends
import wattscan.sensors

_PLUGINS = Path(__file__).parent / "plugins"


def sleep(seconds: float, /) -> None:
    """`time.sleep` by another system call: libfaketime 0.9.10 breaks that of Python 3.11."""
    threading.Event().wait(seconds)


if __name__ == "__main__":
    for package in (wattscan.backends, wattscan.sensors):
        package.__path__.append(str(_PLUGINS / package.__name__.rpartition(".")[2]))
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        vars(time)["sleep"] = sleep
    runpy.run_module("wattscan", run_name="__main__", alter_sys=True)
