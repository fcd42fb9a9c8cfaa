"""Writes requirements-train.txt: what the `train` extra adds to requirements.txt.

pip resolves it, not uv, so that a machine's own CPU build of torch is taken where it has one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = "# What the train extra adds to requirements.txt. Made by `make lock`.\n"


def main() -> None:
    """Resolve, and write the pins."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pins = Path(folder) / "constraints.txt"
        locked = (ROOT / "requirements.txt").read_text().splitlines()
        pins.write_text("\n".join(line.rstrip(" \\") for line in locked if "==" in line))
        # Installed or not: what this environment has must not change the lock.
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"]
        command += ["--ignore-installed"]
        command += ["--report", str(report), "-c", str(pins), "-e", f"{ROOT}[train]"]
        subprocess.run(command, check=True)  # noqa: S603
        installs = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    base = {_plain(line.partition("==")[0]) for line in locked if "==" in line}
    rows = sorted(
        # A local build's tag (`+cpu`) is not part of what is asked for.
        f"{_plain(item['name'])}=={item['version'].partition('+')[0]}"
        for item in installs
        if _plain(item["name"]) not in {"wattscan", *base}
    )
    (ROOT / "requirements-train.txt").write_text(HEADER + "\n".join(rows) + "\n")


def _plain(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
