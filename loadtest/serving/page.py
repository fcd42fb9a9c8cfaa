"""Where and how a run was made, and the page that shows it."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import psutil

from loadtest.serving import h2load
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.runner import ComparisonOptions

BEGIN, END = "<!-- generated -->", "<!-- end of what is generated -->"


def heading(options: ComparisonOptions, arguments: Sequence[str]) -> str:
    """Device, date, command, versions, conditions."""
    command = " ".join(["python -m loadtest.serving", *_public(arguments)])
    memory = psutil.virtual_memory().total / 2**30
    session = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("onnxruntime", "numpy")
    )
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return (
        f"{_processor()}, {os.cpu_count()} processors seen, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, {today}. `{command}`: {options.rounds} "
        f"interleaved rounds, windows of about {options.seconds:g} s; median (least to greatest). "
        f"Clients: {h2load.version()}. Bare session: Python {platform.python_version()}, {session}."
    )


def _public(arguments: Sequence[str]) -> list[str]:
    """Without the file for JSON: it changes nothing, and its path is this machine's."""
    kept = list(arguments)
    while "--json" in kept:
        at = kept.index("--json")
        del kept[at : at + 2]
    return [argument for argument in kept if not argument.startswith("--json=")]


def replace(page: Path, tables: str) -> None:
    """Put the tables between the page's marks. Raises: BenchmarkError."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise BenchmarkError(f"{page}: {error.strerror}") from None
    page.write_text(replaced(text, tables), encoding="utf-8")


def replaced(text: str, tables: str) -> str:
    """The text with what stands between the marks made anew. Raises: BenchmarkError."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BenchmarkError(f"the page has not the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
