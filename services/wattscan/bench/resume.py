"""What a run has said of itself, so that it can go on where it was cut short."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wattscan.collector.recording import read_recording
from wattscan.collector.windows import Run, Window, find_run
from wattscan.contracts import WattscanError

_FILE = "run.json"
_PHASES = ("idle", "warmup", "load", "cooldown")


@dataclass(frozen=True)
class Record:
    """What a run was asked for. The two instances are the labels that its pages' series have, also
    where a later part of the run listens on other ports."""

    target: str
    profile: str
    scenario: str
    tasks: tuple[str, ...]
    models: str
    seed: int
    rate: float
    sysfs: str
    parts: int = 1
    target_instance: str = ""
    generator_instance: str = ""


def write_record(folder: Path, record: Record) -> None:
    """Write it into the run's folder. Raises: OSError."""
    (folder / _FILE).write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record:
    """What the run in a folder was asked for.

    Raises:
        WattscanError: it is no run's folder, or of a release that could not go on.
    """
    if not folder.is_dir():
        raise WattscanError(f"there is no run in {folder}: give the folder of one, below runs/")
    try:
        told: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return Record(**{**told, "tasks": tuple(told["tasks"])})
    except OSError:
        raise WattscanError(
            f"{folder} has no {_FILE}, which says how its run was made: it cannot go on"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise WattscanError(f"{folder / _FILE} is not a run's: {error}") from None


def finished_windows(folder: Path) -> list[Window]:
    """The windows of the run in a folder that were measured whole: all four phases have an end.

    Raises:
        WattscanError: there is no recording, or it cannot be read.
    """
    path = folder / "recording.om"
    if not path.is_file() or not path.stat().st_size:
        return []
    try:
        run: Run = find_run(read_recording(path), folder.name)
    except WattscanError as error:
        if "there is no run" in str(error) or "no sample" in str(error):
            return []  # it was cut short before it began
        raise
    return [window for window in run.windows if _is_whole(window)]


def _is_whole(window: Window) -> bool:
    ends = [window.phases[name].end if name in window.phases else None for name in _PHASES]
    # Ended in this order: what a later attempt has begun anew ends after what an earlier one left.
    known = [end for end in ends if end is not None]
    return len(known) == len(_PHASES) and known == sorted(known)


def reopen(path: Path) -> None:
    """Make a recording fit to be gone on with: without a last line cut short, and without its end.

    Raises: OSError.
    """
    with path.open("r+b") as file:
        kept = 0
        for line in _whole_lines(path):
            kept += len(line)
        file.truncate(kept)


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n") or line.startswith(b"# EOF"):
                return
            yield line
