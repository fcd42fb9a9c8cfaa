"""Workloads as TOML files, shipped and of your own, and files of due times."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from wattscan.contracts import WattscanError
from wattscan.installation import locustfile
from wattscan.settings import check_keys, read_regular, read_toml
from wattscan.workload_settings import MOST_SECONDS, READERS
from wattscan.workloads import DRAWN, PHANTOM, Workload

_SECONDS = re.compile(r"\s*\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def workloads_folder() -> Path:
    """Where the shipped ones are: beside the locustfile."""
    return locustfile().parent / "workloads"


def workload_names() -> list[str]:
    """The workloads that come with the load generator, sorted."""
    return sorted(path.stem for path in workloads_folder().glob("*.toml"))


def load_workload(name_or_path: str) -> Workload:
    """The shipped workload of that name, or the one of a TOML file (a path ending in `.toml`).

    Raises:
        WattscanError: no such workload, malformed TOML, or a value that is wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in workload_names():
            raise WattscanError(
                f"there is no workload called {name_or_path!r}; there is: "
                f"{', '.join(workload_names())}; or give the path of a .toml file"
            )
        path = workloads_folder() / f"{name_or_path}.toml"
    return read_workload(path)


def read_workload(path: Path) -> Workload:
    """The workload of a TOML file. Raises: WattscanError, naming the file."""
    data = read_toml(path, f"the workload {path}")
    try:
        check_keys(data, set(READERS))
        found = {name: READERS[name](data, name) for name in data}
        named = {"name": path.stem, **found}
        for key in ("images", "schedule"):  # a file's paths are beside it
            told = named.get(key, "")
            if told and told not in (PHANTOM, DRAWN):
                named[key] = str(path.parent / told)
        return Workload(**named)
    except WattscanError as error:
        raise WattscanError(f"the workload {path} is wrong: {error}") from None


def read_schedule(path: Path) -> list[float]:
    """A file of seconds, one a line, in order. Raises: WattscanError."""
    try:
        lines = read_regular(path).splitlines()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise WattscanError(f"the schedule {path} cannot be read: {why}") from None
    due: list[float] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        now = float(line) if _SECONDS.fullmatch(line) else -1.0
        if not (due[-1] if due else 0.0) <= now <= MOST_SECONDS:
            raise WattscanError(
                f"the schedule {path} must have seconds from 0 to {MOST_SECONDS:g}, one a line, in "
                f"order: line {number} is {line!r:.40}"
            )
        due.append(now)
    if not due:
        raise WattscanError(f"the schedule {path} has no times")
    return due


def last_due(workload: Workload) -> float:
    """When the last query of its schedule is due, s; 0 without one. Raises: WattscanError."""
    return read_schedule(Path(workload.schedule))[-1] if workload.schedule else 0.0


def write_workload(workload: Workload, path: Path) -> None:
    """As a TOML file that `read_workload` reads. Raises: OSError."""
    default = Workload()
    lines = [
        f"{name} = {_toml(value)}\n"
        for name, value in asdict(workload).items()
        # The file has another name than the workload.
        if name == "name" or value != getattr(default, name)
    ]
    path.write_text("".join(lines), encoding="utf-8")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
    return repr(value)
