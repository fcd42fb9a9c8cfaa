"""Values of a TOML file, of a target or of a model, checked where they are used."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from wattscan.contracts import Batching, WattscanError
from wattscan.units import Seconds

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# No quantity here comes near it, and its square is finite.
_MOST = 1e15
_BATCHING = {
    "max_batch_size", "queue_delay_seconds", "instances", "queue_limit", "priority_levels",
}  # fmt: skip


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The file's tables. `what` names it in an error. Raises: WattscanError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WattscanError(f"{what} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WattscanError(f"{what} is not valid TOML: {error}") from None


def check_keys(settings: Mapping[str, Any], known: set[str]) -> None:
    """Refuse what nobody would read. Raises: WattscanError."""
    unknown = set(settings) - known
    if unknown:
        raise WattscanError(
            f"unknown key {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}"
        )


def text(settings: Mapping[str, Any], key: str, default: str = "") -> str:
    """A text. Raises: WattscanError."""
    value = settings.get(key, default)
    if not isinstance(value, str):
        raise WattscanError(f"{key} must be a text, in quotes, not {value!r:.40}")
    return value


def one_of(settings: Mapping[str, Any], key: str, known: Collection[str], default: str) -> str:
    """One of the texts that it knows. Raises: WattscanError."""
    value = text(settings, key, default)
    if value not in known:
        raise WattscanError(f"{key} must be one of {', '.join(known)}, not {value!r}")
    return value


def whole_number(settings: Mapping[str, Any], key: str, default: int) -> int:
    """A whole number from 1 on. Raises: WattscanError."""
    value = settings.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise WattscanError(f"{key} must be a whole number from 1 on, not {value!r}")
    return value


def number(settings: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """A finite number from 0 on. Raises: WattscanError."""
    value = settings.get(key, default)
    if value is None:
        raise WattscanError(f"{key} is missing")
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not 0 <= value <= _MOST:
        raise WattscanError(f"{key} must be a number from 0 on, up to {_MOST:g}, not {value!r:.40}")
    return float(value)


def batching(table: Any, default: Batching) -> Batching:
    """A `[batching]` table; what it does not say is the default's. Raises: WattscanError."""
    if not isinstance(table, dict):
        raise WattscanError("batching must be a table, [batching]")
    check_keys(table, _BATCHING)
    delay = number(table, "queue_delay_seconds", default.queue_delay)
    if delay > 1:
        raise WattscanError("queue_delay_seconds must be 1 at most")
    return Batching(
        max_batch_size=whole_number(table, "max_batch_size", default.max_batch_size),
        queue_delay=Seconds(delay),
        instances=whole_number(table, "instances", default.instances),
        queue_limit=whole_number(table, "queue_limit", default.queue_limit),
        priority_levels=whole_number(table, "priority_levels", default.priority_levels),
    )
