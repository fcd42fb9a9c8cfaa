"""The folder of a run that `wattscan bench` made: its recording, and what it warned of."""

from __future__ import annotations

from pathlib import Path

from wattscan.contracts import WattscanError

RECORDING = "recording.om"
WARNINGS = "warnings.txt"
_MOST_WARNINGS = 20


def recording_in(source: Path) -> Path:
    """A recording's path; of a run's folder, that of the recording in it.

    Raises: WattscanError: the folder has none.
    """
    if not source.is_dir():
        return source
    if not (source / RECORDING).is_file():
        raise WattscanError(
            f"{source} is a folder without a {RECORDING}: give a recording, or the folder of a run"
        )
    return source / RECORDING


def read_warnings(recording: Path) -> tuple[str, ...]:
    """What bench warned of when the run began, or went on; nothing where it told nothing."""
    try:
        text = (recording.parent / WARNINGS).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    told = dict.fromkeys(line.strip() for line in text.splitlines())
    return tuple(line for line in told if line)[:_MOST_WARNINGS]
