"""What the options of a command line may be: on it, or in the environment."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from typing import Any


def adder(group: Any) -> Callable[..., None]:
    """`add_argument`, whose default an environment variable may replace and the help tells."""

    def add(flag: str, **kinds: Any) -> None:
        default = kinds.get("default")
        if default is not None:
            shown = str(default).replace("%", "%%")
            kinds["help"] += (
                f" (default {'models/ of the checkout' if flag == '--models' else shown})"
            )
        given = os.environ.get(f"WATTSCAN_{flag.strip('-').replace('-', '_').upper()}")
        if given:  # an empty one is none
            kinds["default"] = given
            if "choices" in kinds:
                # argparse checks what it parses, and no default.
                kinds["type"] = one_of(flag, kinds["choices"])
        group.add_argument(flag, **kinds)

    return add


def one_of(flag: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """One of those, also where an environment variable says it."""

    def check(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(
                f"{flag} must be one of {', '.join(choices)}, on the command line or as an "
                "environment variable"
            )
        return text

    return check


def url(text: str) -> str:
    """An address of the web."""
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} is not a URL, http://... or https://...")
    return text


def port(text: str) -> int:
    """0 to 65535."""
    return int(_number(text, 0, 65535, "a port (0 to 65535)", whole=True))


def seconds(text: str) -> float:
    """From 0 on."""
    return _number(text, 0, 1e6, "a number of seconds from 0 to 1000000")


def positive(text: str) -> float:
    """Above 0."""
    return _number(text, 1e-9, 1e9, "a number above 0")


def duration(text: str) -> float:
    """Above 0."""
    return _number(text, 0.001, 1e6, "a number of seconds from 0.001 to 1000000")


def headers(text: str) -> int:
    """Bytes of a call's headers."""
    return int(_number(text, 1024, 2**20, "a whole number from 1024 to 1048576", whole=True))


def calls(text: str) -> int:
    """How many calls."""
    return int(_number(text, 1, 10_000, "a whole number from 1 to 10000", whole=True))


def whole(text: str) -> int:
    """Above 0."""
    return int(_number(text, 1, 2**31 - 1, "a whole number above 0", whole=True))


def _number(text: str, lowest: float, highest: float, what: str, whole: bool = False) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = math.nan
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(f"{text} is not {what}")
    return number
