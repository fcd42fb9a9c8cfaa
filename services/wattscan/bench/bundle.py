"""One archive of a run: what it recorded, what was made of it, with what, and how to cite it."""

from __future__ import annotations

import io
import json
import tarfile
from importlib.metadata import distributions
from pathlib import Path

from wattscan import __version__, plugins
from wattscan.contracts import WattscanError
from wattscan.telemetry.machine import machine_facts

_FILES = ("run.json", "recording.om", "tables.md", "tables.json", "cells.om", "report.html")
_LOGS = ("serve.log", "loadgen.log")


def write_bundle(folder: Path) -> Path:
    """Write `<run>.tar.gz` beside the run's folder; returns its path.

    The images that were sent are left out: their seed is in the record.

    Raises:
        WattscanError: it cannot be written.
    """
    archive = folder.with_name(f"{folder.name}.tar.gz")
    names = [*_FILES, *(csv.name for csv in sorted(folder.glob("*.csv"))), *_LOGS]
    texts = {"versions.json": _versions(), "CITATION.md": _citation(folder.name)}
    try:
        with tarfile.open(archive, "w:gz") as packed:
            for name in names:
                if (folder / name).is_file():
                    packed.add(folder / name, f"{folder.name}/{name}")
            for name, text in texts.items():
                entry = tarfile.TarInfo(f"{folder.name}/{name}")
                entry.size = len(text.encode())
                entry.mtime = int((folder / "recording.om").stat().st_mtime)
                packed.addfile(entry, io.BytesIO(text.encode()))
    except OSError as error:
        raise WattscanError(f"{archive} cannot be written: {error.strerror}") from None
    return archive


def _versions() -> str:
    engines = {name: plugins.engine_version(name) for name in plugins.names("backends")}
    told = {
        "machine": machine_facts(),
        "engines": {name: version for name, version in engines.items() if version},
        "packages": {d.name: d.version for d in sorted(distributions(), key=lambda d: d.name)},
    }
    return json.dumps(told, indent=2) + "\n"


def _citation(run: str) -> str:
    return (
        f"# How to cite run {run}\n\n"
        f"Measured with Wattscan {__version__}. Name the run, the target, the profile, the date "
        "and the verdict of each figure that you quote (`tables.md` has them), and publish this "
        "archive beside the text: `wattscan collect --source recording.om` makes every table "
        "again from it. A figure that is not `valid` is quoted with its verdict and its reasons.\n"
    )
