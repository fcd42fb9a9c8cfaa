"""What is kept from one run to the next, as JSON in the user's cache folder. It may be deleted."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def path_of(name: str) -> Path:
    """Where what has that name is kept: `$XDG_CACHE_HOME/wattscan`, else `~/.cache/wattscan`."""
    folder = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(folder) / "wattscan" / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """What is kept; empty where there is nothing yet, or nothing of use."""
    try:
        kept = json.loads(path_of(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def write(name: str, kept: Mapping[str, Any]) -> None:
    """Keep it. Where that cannot be done, it is found anew the next time."""
    with contextlib.suppress(OSError, RuntimeError):
        path = path_of(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}")
        made.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        made.replace(path)
