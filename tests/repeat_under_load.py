"""Runs the tests that are marked `concurrency` many times while every core is busy."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
MARK = "mark.concurrency"
# Ends with its parent, so that none is left behind.
_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(10_000))"


def main() -> int:
    """Return 0 if all runs pass, else the exit code of the first one that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="number of runs (default 50)")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    arguments = parser.parse_args()
    # Only these: to collect all tests would take longer than the tests.
    files = [str(path) for path in sorted(TESTS.rglob("test_*.py")) if MARK in path.read_text()]
    cores = os.cpu_count() or 1
    busy = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(cores)]
    try:
        for run in range(1, arguments.runs + 1):
            command = [sys.executable, "-m", "pytest", "-q", "-m", "concurrency", *files]
            done = subprocess.run([*command, *arguments.pytest], capture_output=True, text=True)
            last = done.stdout.strip().rpartition("\n")[2]
            print(f"run {run} of {arguments.runs}, {cores} cores loaded: {last}", flush=True)
            if done.returncode:
                print(done.stdout, done.stderr, sep="\n")
                return done.returncode
    finally:
        for process in busy:
            process.kill()
            process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
