"""What is kept from one run to the next, as JSON in the user's cache folder. It may be deleted."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wattscan.contracts import WattscanError


def path_of(name: str) -> Path:
    """Where what has that name is kept: `$XDG_CACHE_HOME/wattscan`, else `~/.cache/wattscan`.

    Raises: RuntimeError: there is no home.
    """
    folder = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(folder) / "wattscan" / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """What is kept; empty where there is nothing yet, or nothing of use."""
    try:
        path = path_of(name)
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError, RuntimeError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def add(name: str, found: Mapping[str, Any]) -> None:
    """Keep it beside what is kept already.

    Raises:
        WattscanError: it cannot be kept.
    """
    try:
        path = path_of(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another process may add something at the same time.
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = path.with_suffix(f".{os.getpid()}")
            with contextlib.ExitStack() as stack:
                stack.callback(made.unlink, missing_ok=True)
                made.write_text(json.dumps({**read(name), **found}, indent=1), encoding="utf-8")
                made.replace(path)
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise WattscanError(
            f"what was found cannot be kept in the cache folder ({why}): name one that can be "
            "written to in XDG_CACHE_HOME"
        ) from None
