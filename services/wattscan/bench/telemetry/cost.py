"""What sampling costs, and whether it keeps its pace: three sensors at 10 Hz, in real time."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wattscan.contracts import (
    EnergyReading,
    Method,
    PowerReading,
    Sensor,
    SensorChoice,
    TemperatureReading,
)
from wattscan.sysfs import read_int
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.sampler import Sampler
from wattscan.units import (
    Seconds,
    celsius_from_millidegrees,
    joules_from_microjoules,
    watts_from_microwatts,
)

INTERVAL = Seconds(0.1)
_NEVER_LOST = 0.5  # s
_MINUTE = 60.0  # s


class _Sensor:
    """Reads a file, as the sensors under sysfs do."""

    uncertainty_ratio = 0.0

    def __init__(self, file: Path) -> None:
        self._file = file


class _FileCounter(_Sensor):
    name = "counter"
    method: Method = "counter"

    def read_energy(self) -> Sequence[EnergyReading]:
        read_int(self._file)
        # A file that nobody writes stands still; the time does not.
        return [EnergyReading("d", "chip", joules_from_microjoules(time.monotonic_ns()))]


class _Power(_Sensor):
    name = "power"

    def read_power(self) -> Sequence[PowerReading]:
        return [PowerReading("d", "board", watts_from_microwatts(read_int(self._file)))]


class _Temperature(_Sensor):
    name = "temperature"

    def read_temperature(self) -> Sequence[TemperatureReading]:
        return [TemperatureReading("z", celsius_from_millidegrees(read_int(self._file)))]


@dataclass(frozen=True)
class SamplingCost:
    """Of sampling: cores that it took, the achieved mean interval of the minute that was furthest
    off, part of the time not accounted for, and the failed readings."""

    cores: float
    interval: float
    lost_ratio: float
    failures: int


def measure(folder: Path, seconds: float, busy: int) -> SamplingCost:
    """Sample for so long beside so many processes that do nothing but compute."""
    file = folder / "value"
    file.write_text("41500\n")
    hogs = [multiprocessing.get_context("spawn").Process(target=_burn) for _ in range(busy)]
    for hog in hogs:
        hog.start()
    try:
        return _measure(file, seconds)
    finally:
        for hog in hogs:
            hog.kill()
            hog.join()


def _measure(file: Path, seconds: float) -> SamplingCost:
    sensors: list[Sensor] = [_FileCounter(file), _Power(file), _Temperature(file)]
    found = [FoundSensor(sensor, SensorChoice(sensor.name, {})) for sensor in sensors]
    sampler = Sampler(found, INTERVAL, Ledger())
    sampler.start()
    start, cpu = time.monotonic(), time.process_time()
    intervals: list[float] = []
    while (left := seconds - (time.monotonic() - start)) > 0:
        time.sleep(min(left, _MINUTE))
        intervals += [state.interval or 0.0 for state in sampler.states]
    cpu, wall = time.process_time() - cpu, time.monotonic() - start
    covered = [d.covered for state in sampler.states for d in state.domains.values()]
    failures = sum(state.errors.total() for state in sampler.states)
    sampler.stop()
    lost = max(0.0, wall - min(covered) - _NEVER_LOST) / wall
    furthest = max(intervals, key=lambda achieved: abs(achieved - INTERVAL))
    return SamplingCost(cpu / wall, furthest, lost, failures)


def _burn() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(100_000))
