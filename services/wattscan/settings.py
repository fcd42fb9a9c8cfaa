"""Values of a TOML file, of a target or of a model, checked where they are used."""

from __future__ import annotations

import errno
import stat
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

MOST = 1e15
"""No quantity here comes near it, in whatever unit, and its square is finite."""

MOST_THREADS = 1024
"""Of one engine, and engines of one model."""

MOST_ROWS = 1_000_000
"""Images that wait: each is held in memory."""

_MOST_WHOLE = 2**63 - 1
_MOST_BYTES = 16_000_000
_BATCHING = {
    "max_batch_size", "queue_delay_seconds", "instances", "queue_limit", "priority_levels",
}  # fmt: skip


def read_regular(path: Path) -> str:
    """The text of a file, without its byte order mark. A pipe might never end, and is refused.

    Raises: OSError: also of what is no regular file, or over 16 MB; ValueError: it is not UTF-8.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
        raise OSError(errno.EINVAL, "it is not a regular file of up to 16 MB")
    return path.read_text(encoding="utf-8-sig")


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The file's tables. `what` names it in an error. Raises: WattscanError."""
    try:
        return tomllib.loads(read_regular(path))
    except OSError as error:
        raise WattscanError(f"{what} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise WattscanError(f"{what} is not valid TOML: it is nested too deep") from None
    except ValueError as error:  # of TOML, of UTF-8, and of a number of thousands of digits
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
        raise WattscanError(f"{key} must be a text, in quotes, not {_shown(value)}")
    return value


def one_of(settings: Mapping[str, Any], key: str, known: Collection[str], default: str) -> str:
    """One of the texts that it knows. Raises: WattscanError."""
    value = text(settings, key, default)
    if value not in known:
        raise WattscanError(f"{key} must be one of {', '.join(known)}, not {_shown(value)}")
    return value


def whole_number(
    settings: Mapping[str, Any], key: str, default: int, most: int = _MOST_WHOLE
) -> int:
    """A whole number from 1 to `most`. Raises: WattscanError."""
    value = settings.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise WattscanError(
            f"{key} must be a whole number from 1 on, up to {most}, not {_shown(value)}"
        )
    return value


def number(settings: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """A finite number from 0 on. Raises: WattscanError."""
    value = settings.get(key, default)
    if value is None:
        raise WattscanError(f"{key} is missing")
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not 0 <= value <= MOST:
        told = f"{key} must be a number from 0 on, up to {MOST:g}"
        raise WattscanError(f"{told}, not {_shown(value)}")
    return float(value)


def signed(settings: Mapping[str, Any], key: str) -> float:
    """A finite number of either sign. Raises: WattscanError."""
    value = settings.get(key)
    if value is None:
        raise WattscanError(f"{key} is missing")
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not -MOST <= value <= MOST:
        raise WattscanError(f"{key} must be a number, up to {MOST:g}, not {_shown(value)}")
    return float(value)


def uncertainty(settings: Mapping[str, Any], default: float | None = None) -> float:
    """`uncertainty_ratio`: one standard uncertainty over the reading. Raises: WattscanError."""
    value = number(settings, "uncertainty_ratio", default)
    if value > 1:  # a figure that may as well be none; most likely meant as percent
        raise WattscanError(f"uncertainty_ratio must be from 0 to 1, not {value:g}")
    return value


def batching(table: Any, default: Batching) -> Batching:
    """A `[batching]` table; what it does not say is the default's. Raises: WattscanError."""
    if not isinstance(table, dict):
        raise WattscanError("batching must be a table, [batching]")
    check_keys(table, _BATCHING)
    delay = number(table, "queue_delay_seconds", default.queue_delay)
    if delay > 1:
        raise WattscanError("queue_delay_seconds must be 1 at most")
    return Batching(
        max_batch_size=whole_number(table, "max_batch_size", default.max_batch_size, MOST_ROWS),
        queue_delay=Seconds(delay),
        instances=whole_number(table, "instances", default.instances, MOST_THREADS),
        queue_limit=whole_number(table, "queue_limit", default.queue_limit, MOST_ROWS),
        priority_levels=whole_number(table, "priority_levels", default.priority_levels, MOST_ROWS),
    )


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.40}"
    except ValueError:  # in hexadecimal, TOML takes more digits than Python shows
        return "a number of thousands of digits"
