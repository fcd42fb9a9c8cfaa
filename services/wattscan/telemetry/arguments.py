"""What the commands below `wattscan sensors` have in common on the command line."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

from wattscan.contracts import WattscanError
from wattscan.targets import target_names
from wattscan.telemetry.calibration import LEAST_STEPS

_MOST_STEPS = 1000


def add_place(parser: argparse.ArgumentParser, again: bool = False) -> None:
    """Whose sensors, and where they are. `again`: below a command that has them, whose they are
    unless they are given again."""
    targets, sysfs = ("cpu", Path("/sys")) if not again else (argparse.SUPPRESS, argparse.SUPPRESS)
    parser.add_argument(
        "--target",
        default=targets,
        metavar="NAME",
        help="the target whose sensors are read: "
        f"{', '.join(target_names())}, or the path of a .toml file (default cpu)",
    )
    parser.add_argument(
        "--sysfs", type=Path, default=sysfs, help="where sysfs is mounted (default /sys)"
    )


def add_steps(parser: argparse.ArgumentParser, each: float) -> None:
    """How many steps a load goes through, and how long each takes: `each` seconds by default."""
    parser.add_argument(
        "--steps",
        type=steps,
        default=5,
        help=f"how many levels of load to measure, from none to full, {LEAST_STEPS} or more "
        f"(default 5)",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=each,
        help=f"how many seconds to measure each step (default {each:g})",
    )


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


def check_writable(file: Path) -> None:
    """Touches nothing. Raises: WattscanError, before minutes are spent."""
    place = Path(os.path.realpath(file))  # a link may point to what is not there yet
    if place.is_dir():
        code = errno.EISDIR
    elif not place.parent.is_dir():
        code = errno.ENOENT
    elif not all(os.access(each, os.W_OK) for each in _written(place)):
        code = errno.EACCES
    else:
        return
    raise WattscanError(f"{file} cannot be written: {os.strerror(code)}")


def _written(place: Path) -> list[Path]:
    """What writing there needs: a file is replaced."""
    there = [place] if place.exists() else []
    return there if there and not place.is_file() else [place.parent, *there]
