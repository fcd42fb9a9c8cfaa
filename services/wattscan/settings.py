"""Values of a target's TOML, checked where they are used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from wattscan.contracts import WattscanError


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
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise WattscanError(f"{key} must be a number from 0 on, not {value!r}")
    return float(value)
