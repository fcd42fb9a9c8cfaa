"""`make fuzz`: fuzzes every target for so many seconds, and says what came of it.

    python -m fuzz [--seconds N] [--work DIR] [TARGET ...]

Ends with 1 if there is a finding. The corpus in DIR grows from run to run.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

NAMES = ("image", "oip", "tfs-predict", "tfs-classify", "segment")
_MOST_ENDS = 10
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


@dataclass(frozen=True)
class Outcome:
    """Of one target. `seconds`: with starting. `findings`: places in the code that errors escape
    from, here and in runs before, and inputs that ended the process."""

    name: str
    executions: int
    seconds: float
    findings: int


def fuzz(name: str, folder: Path, seconds: int) -> Outcome:
    """Fuzz one target, each time in a new process where an input has ended the last one."""
    findings = folder / "findings"
    executions, ends, began, log = 0, 0, time.monotonic(), ""
    while (left := round(seconds - (time.monotonic() - began))) > 0 and ends < _MOST_ENDS:
        done = subprocess.run(
            [sys.executable, "-m", "fuzz.one", name, str(folder), str(left)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        log += done.stdout
        executed = _EXECUTED.search(done.stdout)
        executions += int(executed[1]) if executed else 0
        if done.returncode:
            ends += 1
            print("\n".join(done.stdout.splitlines()[-15:]), file=sys.stderr)
    (folder / "log.txt").write_text(log)
    kept = [path for path in findings.glob("finding-*") if path.suffix != ".txt"]
    return Outcome(name, executions, time.monotonic() - began, len(kept) + ends)


def report(outcomes: list[Outcome]) -> None:
    """A table, and the sum."""
    line = "{:<14}{:>12}{:>16}{:>10}"
    print(line.format("target", "executions", "executions/s", "findings"))
    rows = [*outcomes]
    if len(outcomes) > 1:
        rows.append(
            Outcome(
                "all",
                sum(o.executions for o in outcomes),
                sum(o.seconds for o in outcomes),
                sum(o.findings for o in outcomes),
            )
        )
    for row in rows:
        pace = f"{row.executions / row.seconds:.0f}"
        print(line.format(row.name, row.executions, pace, row.findings))


def main() -> int:
    """Fuzz, report; returns the exit code."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"), metavar="DIR")
    options = parser.parse_args()
    unknown = set(options.targets) - set(NAMES)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    outcomes = []
    for name in options.targets or NAMES:
        print(f"fuzzing {name} for {options.seconds} s", file=sys.stderr)
        folder = options.work / name
        folder.mkdir(parents=True, exist_ok=True)
        outcomes.append(fuzz(name, folder, options.seconds))
    report(outcomes)
    return 1 if any(outcome.findings for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
