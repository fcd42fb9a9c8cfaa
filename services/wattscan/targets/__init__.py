"""Hardware targets: one TOML file each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wattscan.contracts import PaperReading, SensorChoice, Target, WattscanError
from wattscan.units import Seconds

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FOLDER = Path(__file__).parent
_TABLES = {"title", "sample_interval_seconds", "queue_limit", "backend", "sensors", "paper"}


def target_names() -> list[str]:
    """The targets that come with the package, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_target(name_or_path: str) -> Target:
    """The target of that name, or the one that a TOML file describes (a path ending in `.toml`).

    Raises:
        WattscanError: no such target, malformed TOML, or a value that is missing or wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in target_names():
            raise WattscanError(
                f"there is no target called {name_or_path!r}; there is: "
                f"{', '.join(target_names())}; or give the path of a .toml file"
            )
        path = _FOLDER / f"{name_or_path}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WattscanError(f"the target file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WattscanError(f"the target file {path} is not valid TOML: {error}") from None
    try:
        return _target(path.stem, data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise WattscanError(f"the target file {path} is wrong: {missing}") from None


def _target(name: str, data: Mapping[str, Any]) -> Target:
    unknown = set(data) - _TABLES
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}")
    settings = dict(data["backend"])
    interval = float(data["sample_interval_seconds"])
    if not interval > 0:
        raise ValueError("sample_interval_seconds must be above 0")
    limit = data["queue_limit"]
    if not isinstance(limit, int) or limit < 1:
        raise ValueError("queue_limit must be a whole number from 1 on")
    return Target(
        name=name,
        title=str(data["title"]),
        backend=str(settings.pop("name")),
        backend_settings=settings,
        sensors=tuple(_sensor(entry) for entry in data["sensors"]),
        sample_interval=Seconds(interval),
        paper=PaperReading(**data.get("paper", {})),
        queue_limit=limit,
    )


def _sensor(entry: Mapping[str, Any]) -> SensorChoice:
    settings = dict(entry)
    return SensorChoice(name=str(settings.pop("name")), settings=settings)
