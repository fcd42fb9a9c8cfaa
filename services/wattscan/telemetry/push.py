"""`wattscan sensors push`: hands a reading of a camera, a logger or a script to the `bridge`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import get_args

from wattscan.contracts import EnergyReading, PowerReading, Scope, TemperatureReading
from wattscan.units import Celsius, Joules, Watts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan sensors push`."""
    parser.add_argument(
        "--folder",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder that the target's sensor `bridge` reads",
    )
    parser.add_argument(
        "--name",
        required=True,
        help="the name of the source, such as camera; each push replaces the last one of that name",
    )
    for flag, what in (
        ("--power", "power of a domain, in watts"),
        ("--energy", "energy of a domain since any moment, in joules"),
        ("--temperature", "temperature of a zone, in degrees Celsius"),
    ):
        parser.add_argument(
            flag,
            type=_named,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"{what}; may be repeated",
        )
    parser.add_argument(
        "--scope",
        choices=get_args(Scope),
        default="system",
        help="how much of the machine the power and energy cover (default system)",
    )
    parser.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Write the readings; returns 0. Raises: WattscanError."""
    from wattscan import textfile  # its parser is not on a bare machine that is verified

    scope = options.scope
    readings: list[textfile.Reading] = [
        *(PowerReading(name, scope, Watts(value)) for name, value in options.power),
        *(EnergyReading(name, scope, Joules(value)) for name, value in options.energy),
        *(TemperatureReading(name, Celsius(value)) for name, value in options.temperature),
    ]
    print(textfile.write(options.folder, options.name, readings))
    return 0


def _named(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        name.encode()
        value = float(number)
    except ValueError:  # or a name of no characters that there are
        value = math.nan
    if not name or not math.isfinite(value):
        raise argparse.ArgumentTypeError(
            f"NAME=VALUE with a number, such as inlet=4.2, not {text!r}"
        )
    return name, value
