"""Installs packages with pip, and shows how far it is instead of pip's hundreds of lines.

`python docs/install.py -r requirements.txt` takes what `pip install` takes. What goes wrong is
shown as pip tells it, and the exit code is pip's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TextIO

_PACKAGE = re.compile(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)")
_LAST_LINES = 20
# Where each line stays, as in a log.
_EVERY = 20


def main(arguments: Sequence[str]) -> int:
    """Install; returns pip's exit code."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    # Else the lines come in blocks.
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as pip:  # noqa: S603
        assert pip.stdout is not None  # noqa: S101
        last = show(pip.stdout, total(arguments), sys.stdout)
        code = pip.wait()
    if code:
        sys.stderr.write("".join(last))
    return code


def total(arguments: Sequence[str]) -> int:
    """How many packages the requirement files among pip's arguments name."""
    files = [name for flag, name in pairwise(arguments) if flag == "-r"]
    lines = "\n".join(Path(name).read_text(encoding="utf-8") for name in files)
    return len(re.findall(r"^[\w.\[\]-]+==", lines, re.MULTILINE))


def show(lines: Iterable[str], packages: int, stream: TextIO) -> Sequence[str]:
    """Show pip's output as a count; returns its last lines."""
    live = stream.isatty()
    last: deque[str] = deque(maxlen=_LAST_LINES)
    seen = 0
    for line in lines:
        last.append(line)
        found = _PACKAGE.match(line)
        if line.startswith("Ignoring "):
            packages -= 1  # not for this Python or processor
        elif found:
            seen += 1
            text = f"Fetching package {seen} of {max(packages, seen)}: {found[1]}"
            if live:
                stream.write(f"\r\033[K{text}")
            elif seen == 1 or seen % _EVERY == 0:
                stream.write(f"{text}\n")
        elif line.startswith("Installing collected packages"):
            count = line.count(",") + 1
            start, end = ("\r\033[K", "") if live else ("", "\n")
            stream.write(f"{start}Installing {count} package{'s' * (count > 1)} ...{end}")
        stream.flush()
    if live and seen:
        stream.write("\r\033[K")
    return last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
