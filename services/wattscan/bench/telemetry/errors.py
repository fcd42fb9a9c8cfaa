"""The error of each class of source, for loads whose energy is known.

The code under test is the exporter's own: its schedule with jitter, its domains, its integration.
The clock is simulated, so that 600 s take no time and nothing else disturbs them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wattscan.bench.telemetry.loads import SimulatedLoad
from wattscan.contracts import EnergyReading, PowerReading
from wattscan.telemetry.domains import Domain, DomainKey
from wattscan.telemetry.schedule import Schedule
from wattscan.units import Joules, Seconds, Watts

WINDOWS = (5.0, 60.0, 600.0)
"""Seconds; each trial's window is up to one longer."""

_START = 10.0  # past the begin of what a source averages over


@dataclass(frozen=True)
class SourceClass:
    """A kind of source. `interval` is how often it is read, in seconds.

    `read` gives what it shows of a load at a moment; its last argument, 0 to 1, is the phase in
    which it refreshes.
    """

    name: str
    interval: float
    read: Callable[[SimulatedLoad, float, float], EnergyReading | PowerReading]


def _counter(load: SimulatedLoad, now: float, phase: float) -> EnergyReading:
    """A counter that is refreshed every 50 ms, in millijoules: NVML's."""
    refreshed = _refreshed(now, 0.05, phase)
    return EnergyReading("d", "board", Joules(round(load.energy(refreshed), 3)))


def _refreshed(now: float, every: float, phase: float) -> float:
    return ((now / every - phase) // 1 + phase) * every


def _instant(load: SimulatedLoad, now: float, phase: float) -> PowerReading:  # noqa: ARG001
    return PowerReading("d", "board", Watts(load.power(now)))


def _averaged(load: SimulatedLoad, now: float, phase: float) -> PowerReading:
    """The mean of the last second, refreshed every 100 ms: NVML's power on Ampere."""
    refreshed = _refreshed(now, 0.1, phase)
    return PowerReading("d", "board", Watts(load.mean(refreshed - 1.0, refreshed)))


CLASSES = (
    SourceClass("counter, read at 10 Hz", 0.1, _counter),
    SourceClass("power at 1 Hz", 1.0, _instant),
    SourceClass("power at 10 Hz", 0.1, _instant),
    SourceClass("power at 50 Hz", 0.02, _instant),
    SourceClass("1 s mean, read at 10 Hz", 0.1, _averaged),
)


@dataclass(frozen=True)
class Error:
    """Of a window's energy, over its truth: of most trials (95 %), and the mean, with its sign."""

    most: float
    mean: float


def measure(
    load: SimulatedLoad, source: SourceClass, window: float, trials: int, seed: int
) -> Error:
    """Repeat with another phase of load and source each time. Deterministic for a seed."""
    random.seed(seed)
    found = np.array([_trial(load, source, window) for _ in range(trials)])
    return Error(float(np.quantile(np.abs(found), 0.95)), float(found.mean()))


def _trial(load: SimulatedLoad, source: SourceClass, window: float) -> float:
    start = _START + random.uniform(0, 7)  # noqa: S311
    # A multiple of the load's or the source's period would end in the phase in which it began, and
    # err by nothing.
    end = start + window + random.uniform(0, 1)  # noqa: S311
    phase = random.random()  # noqa: S311
    domain = Domain(DomainKey("s", "d", "board", "counter"), 0.0, Seconds(source.interval))
    # What a window's edges leave open is the error bound's: here it begins and ends with a reading.
    moments = [start]
    schedule = Schedule(Seconds(source.interval), start, random.random())  # noqa: S311
    while schedule.due < end:
        moments.append(schedule.due)
        schedule.advance(schedule.due)
    for now in (*moments, end):
        domain.add(Seconds(now), source.read(load, now, phase))
    truth = load.energy(end) - load.energy(start)
    return (domain.energy - truth) / truth
