"""What a run will do and how long it takes, before it begins."""

from __future__ import annotations

from pathlib import Path

from wattscan.bench.preflight import look
from wattscan.bench.progress import Progress, duration
from wattscan.bench.record import Record
from wattscan.bench.resume import Past
from wattscan.contracts import Target
from wattscan.profiles import PROFILES


def announce_run(
    progress: Progress, target: Target | None, asked: Record, out: Path, past: Past
) -> tuple[str, ...]:
    """Say what is to be measured, and what this machine can give; returns the warnings.

    Raises: WattscanError: it can give nothing.
    """
    profile = PROFILES[asked.profile]
    windows = window_count(asked) - len(past.done)
    outlook = look(target, Path(asked.sysfs), out, profile, windows)
    progress.say(outlook.paragraph)
    there = f"{len(past.done)} of {window_count(asked)} windows are there already; "
    kept = there if past.done else ""
    search = ", and the search for the highest rates" if asked.load.find_rate else ""
    where = f"on {target.name}" if target else f"at {asked.endpoint}"
    progress.say(
        f"Measuring {', '.join(asked.tasks)} {where}, {_against(asked)}: {kept}"
        f"{windows} window{'s' * (windows != 1)}, at most "
        f"{duration(windows * _window_seconds(asked))}{search}."
    )
    return outlook.warnings


def window_count(asked: Record) -> int:
    """How many windows the run has."""
    return sum(map(len, asked.measured.values())) * PROFILES[asked.profile].repeats


def _window_seconds(asked: Record) -> float:
    profile = PROFILES[asked.profile]
    return profile.window_seconds - profile.load + asked.load_seconds


def _against(asked: Record) -> str:
    """Such as `FP32 against INT8`."""
    every = dict.fromkeys(name for names in asked.measured.values() for name in names)
    others = [name.upper() for name in every if name not in ("", asked.reference)]
    if set(every) == {""}:
        return "in one variant"
    return " against ".join([asked.reference.upper(), *([", ".join(others)] if others else [])])
