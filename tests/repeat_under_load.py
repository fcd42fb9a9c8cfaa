"""Runs pytest many times while every core is busy: `make test-concurrency`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

# Ends with its parent, so that none is left behind.
_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(10_000))"


def main() -> int:
    """Return 0 if all runs pass, else the exit code of the first one that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="number of runs (default 50)")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    busy = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(cores)]
    try:
        for run in range(1, arguments.runs + 1):
            command = [sys.executable, "-m", "pytest", "-q", "--durations=0", *arguments.pytest]
            done = subprocess.run(command, capture_output=True, text=True)
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
