"""`wattscan sensors calibrate`: stepped loads, a sensor and a meter side by side."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wattscan.contracts import WattscanError, printable
from wattscan.targets import load_target
from wattscan.telemetry.arguments import add_place, add_steps, check_writable, seconds
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.calibration import Calibration, CalibrationPoint, fit, write
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.domains import Domain
from wattscan.telemetry.loads import check_lasted, end_in_order, running
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Joules, Seconds, Watts, mean_power

_TO_MOVE, _PAUSE = Seconds(2.0), Seconds(0.05)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan sensors calibrate`."""
    for flag, what in (
        ("--sensor", "the sensor to calibrate, as SENSOR or SENSOR/DOMAIN"),
        ("--against", "the better meter to compare with, as SENSOR or SENSOR/DOMAIN"),
    ):
        parser.add_argument(flag, required=True, metavar="SENSOR", help=what)
    add_place(parser, again=True)
    add_steps(parser, each=20)
    parser.add_argument(
        "--settle",
        type=seconds,
        default=5.0,
        help="how many seconds to wait before each step is measured (default 5)",
    )
    parser.add_argument(
        "--load",
        metavar="COMMAND",
        help="a command that makes the load, for a device that is not the processor; it finds the "
        "level, 0 to 1, in WATTSCAN_LOAD, and is ended after its step (all processors, in turn)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the TOML file to write"
    )
    parser.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Measure, fit and write; returns 0. Raises: WattscanError."""
    check_writable(options.out)
    end_in_order()
    target = load_target(options.target)
    found = discover(target, options.sysfs)
    # What is to be put right is read as it is.
    name = options.sensor.partition("/")[0]
    sensors = [
        replace(each, choice=replace(each.choice, corrections={}))
        if each.sensor.name == name
        else each
        for each in found.sensors
    ]
    sampler = Sampler(sensors, target.sample_interval, Ledger())
    sampler.start()
    try:
        sensor, meter = (
            _domain(sampler, name, found.absent) for name in (options.sensor, options.against)
        )
        if sensor is meter:
            raise WattscanError("a sensor cannot be calibrated against itself")
        _await_movement(sampler, (sensor, meter), options)
        points = []
        for number in range(options.steps):
            level = number / (options.steps - 1)
            with running(level, options.load) as load:
                points.append(_step(sampler, sensor, meter, options.settle, options.seconds))
                check_lasted(load, level)
            _tell(f"load {level:4.0%}: {_told(sensor, points[-1].sensor)}, "
                  f"{_told(meter, points[-1].meter)}")  # fmt: skip
    finally:
        sampler.stop()
    made = fit(points, meter.uncertainty_ratio)
    against = f"{meter.key.sensor} {meter.key.domain}"
    write(options.out, made, sensor.key.sensor, sensor.key.domain, against)
    _report(made, sensor, options.out)
    return 0


def _report(made: Calibration, sensor: Domain, out: Path) -> None:
    best = made.correction
    told = (
        f"{sensor.key.sensor} {sensor.key.domain}: {best.gain:.4g} x reading {best.offset:+.4g} W"
    )
    left = f"residual {made.residual:.3g} W, uncertainty {best.uncertainty_ratio:.1%}"
    print(f"{printable(told)}, {left}; {out}")
    if made.doubtful:
        _tell("warning: gain and offset hardly describe these steps, which the file has: take "
              "more of them, longer ones, or a steadier load")  # fmt: skip


def _domain(sampler: Sampler, name: str, absent: dict[str, str]) -> Domain:
    sensor, _, wanted = name.partition("/")
    for state in sampler.states:
        if state.sensor.name == sensor:
            domains = [d for d in state.domains.values() if wanted in ("", d.key.domain)]
            if domains:
                return domains[0]
    present = [
        f"{state.sensor.name}/{domain}" for state in sampler.states for domain in state.domains
    ]
    why = absent.get(sensor, f"there is: {', '.join(present) or 'nothing that has power'}")
    raise WattscanError(f"{name} gives no power here: {why}")


def _await_movement(
    sampler: Sampler, domains: Sequence[Domain], options: argparse.Namespace
) -> None:
    """Until both have moved, under all of the load. Raises: WattscanError."""
    end = time.monotonic() + max(_TO_MOVE, options.settle + options.seconds)
    with running(1.0, options.load) as load:
        while still := [domain for domain in domains if not domain.present]:
            time.sleep(_PAUSE)
            sampler.sample()
            check_lasted(load, 1.0)
            if time.monotonic() > end:
                names = " and ".join(f"{d.key.sensor} {d.key.domain}" for d in still)
                raise WattscanError(
                    f"{names} did not move under the load: use a load that takes more, or find out "
                    "why with wattscan sensors"
                )


def _step(
    sampler: Sampler, sensor: Domain, meter: Domain, settle: float, seconds: float
) -> CalibrationPoint:
    """Mean power of both over the same stretch. Raises: WattscanError, where one falls silent."""
    time.sleep(settle)
    sampler.sample()
    before = [(domain.energy, domain.covered) for domain in (sensor, meter)]
    time.sleep(seconds)
    sampler.sample()
    powers: list[Watts] = []
    for domain, (energy, covered) in zip((sensor, meter), before, strict=True):
        spanned = Seconds(domain.covered - covered)
        if not domain.present or spanned < 0.9 * seconds:
            raise WattscanError(
                f"{domain.key.sensor} {domain.key.domain} fell silent: it told of {spanned:.3g} of "
                f"{seconds:g} s"
            )
        powers.append(mean_power(Joules(domain.energy - energy), spanned))
    return CalibrationPoint(*powers)


def _told(domain: Domain, power: Watts) -> str:
    return f"{domain.key.sensor} {power:.3f} W"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
