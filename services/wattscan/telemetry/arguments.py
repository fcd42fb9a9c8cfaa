"""Numbers on the command line of `wattscan sensors`."""

from __future__ import annotations

import argparse

from wattscan.telemetry.calibration import LEAST_STEPS

_MOST_STEPS = 1000


def seconds(text: str) -> float:
    """0.1 to 3600. Raises: ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError("seconds from 0.1 to 3600")
    return value


def steps(text: str) -> int:
    """Of a calibration. Raises: ArgumentTypeError."""
    if not (text.isdecimal() and len(text) < 5 and LEAST_STEPS <= int(text) <= _MOST_STEPS):
        raise argparse.ArgumentTypeError(f"from {LEAST_STEPS} to {_MOST_STEPS} steps")
    return int(text)
