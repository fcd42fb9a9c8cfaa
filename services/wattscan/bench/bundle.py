"""One archive of a run: what it recorded, what was made of it, with what, and how to cite it."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from wattscan import __version__, plugins
from wattscan.bench.record import RECORD_FILE, read_record
from wattscan.collector.run_folder import RECORDING, WARNINGS
from wattscan.contracts import WattscanError
from wattscan.telemetry.machine import machine_facts

_FILES = (RECORD_FILE, WARNINGS, RECORDING, "tables.md", "tables.json", "cells.om", "report.html")
_LOGS = ("serve.log", "loadgen.log")


def write_bundle(folder: Path, run: str | None = None) -> Path:
    """Write `<run>.tar.gz` beside the run's folder; returns its path.

    The images that were sent are left out: their seed is in the record.

    An earlier archive is replaced when the new one is whole.

    Raises:
        WattscanError: there is no recording, or the archive cannot be written.
    """
    folder = Path(os.path.realpath(folder))  # `.` has no name
    recording = folder / RECORDING
    if not recording.is_file():
        raise WattscanError(f"there is no {RECORDING} in {folder}: a bundle needs one")
    archive = folder.with_name(f"{folder.name}.tar.gz")
    fresh = archive.with_name(f"{archive.name}.new")
    names = [*_FILES, *(csv.name for csv in sorted(folder.glob("*.csv"))), *_LOGS]
    texts = {"versions.json": _versions(), "CITATION.md": _citation(run or folder.name)}
    hidden = _private(folder)
    try:
        # A link to what stays here would lead nowhere there.
        with tarfile.open(fresh, "w:gz", dereference=True) as packed:
            for name in names:
                if (folder / name).is_file() and name in (RECORD_FILE, *_LOGS):
                    texts[name] = _without((folder / name).read_text(errors="replace"), hidden)
                elif (folder / name).is_file():
                    packed.add(folder / name, f"{folder.name}/{name}")
            for name, text in texts.items():
                entry = tarfile.TarInfo(f"{folder.name}/{name}")
                entry.size = len(text.encode())
                entry.mtime = int(recording.stat().st_mtime)
                packed.addfile(entry, io.BytesIO(text.encode()))
        fresh.replace(archive)
    except OSError as error:
        raise WattscanError(f"{archive} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return archive


def _private(folder: Path) -> list[str]:
    """Paths of the user's that the run's record names. Longer ones first."""
    try:
        told = read_record(folder)
    except WattscanError:
        return []
    paths = [told.models, told.workload.get("images", ""), told.workload.get("schedule", "")]
    paths += [told.target, *told.generator]
    return sorted({path for path in paths if Path(path).is_absolute()}, key=len, reverse=True)


def _without(text: str, paths: Sequence[str]) -> str:
    """Replace each path by its name: the archive is published, private paths are not."""
    for path in paths:
        text = text.replace(path, Path(path).name)
    return text


def _versions() -> str:
    engines = {name: plugins.engine_version(name) for name in plugins.usable("backends")}
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
