"""Reads a source as fast as is reasonable: how often it is renewed, by how much, at what cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median

from wattscan.contracts import (
    EnergyReading,
    EnergySensor,
    PowerReading,
    PowerSensor,
    Sensor,
    SensorFailed,
)
from wattscan.units import Seconds

_SHORTEST_PAUSE = Seconds(0.001)
# A source that is renewed once a second, such as a plug on the network, is not asked more often.
_READS_IN_A_PERIOD = 100


LEAST_MOVES = 3
"""With fewer, nothing is said of a period."""


@dataclass
class Track:
    """When one domain moved, in seconds, and by how much, in J (counters) or W.

    `times` are of its figure, `stamps` of its source's own time. Some drivers give each read a new
    time, so the figure counts unless it hardly moves.
    """

    times: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)
    _last: tuple[float, float | None] | None = None

    def add(self, now: float, value: float, stamp: float | None) -> None:
        """A reading, with its source's own time where it has one."""
        before, self._last = self._last, (value, stamp)
        if before is None:
            return
        if value != before[0]:
            self.times.append(now)
            self.changes.append(abs(value - before[0]))
        if stamp != before[1]:
            self.stamps.append(now)

    @property
    def moves(self) -> int:
        """How many times it moved."""
        return len(self._moments)

    @property
    def period(self) -> Seconds | None:
        """Median time between two moves, at a resolution of the reads' spacing."""
        gaps = [after - before for before, after in pairwise(self._moments)]
        return Seconds(median(gaps)) if gaps else None

    @property
    def resolution(self) -> float | None:
        """Smallest change, in J or W."""
        return min(self.changes, default=None)

    @property
    def _moments(self) -> list[float]:
        return (
            self.times if len(self.times) >= LEAST_MOVES else max(self.times, self.stamps, key=len)
        )


@dataclass(frozen=True)
class Poll:
    """Of one sensor. `wall` is the median time that a read takes, `processor` the mean processor
    time; `spacing` is the median time from one read to the next."""

    duration: Seconds
    reads: int
    failures: int
    wall: Seconds
    processor: Seconds
    spacing: Seconds
    tracks: Mapping[str, Track]


def poll(
    sensor: Sensor,
    period: Seconds,
    duration: Seconds,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Poll:
    """Read it for `duration` seconds; `period` is how often it is renewed, as its driver says."""
    pause = max(_SHORTEST_PAUSE, period / _READS_IN_A_PERIOD)
    tracks: dict[str, Track] = {}
    times: list[float] = []
    walls: list[float] = []
    processors: list[float] = []
    failures = 0
    begin = clock()
    while not times or clock() - begin < duration:
        started, used = clock(), time.thread_time()
        try:
            readings = _read(sensor)
        except SensorFailed:
            readings, failures = [], failures + 1
        processors.append(time.thread_time() - used)
        now = clock()
        times.append(now)
        walls.append(now - started)
        for reading in readings:
            value = reading.count if isinstance(reading, EnergyReading) else reading.power
            stamp = None if isinstance(reading, EnergyReading) else reading.stamp
            tracks.setdefault(reading.domain, Track()).add(now, value, stamp)
        sleep(pause)
    gaps = [after - before for before, after in pairwise(times)]
    return Poll(
        duration=Seconds(clock() - begin),
        reads=len(times),
        failures=failures,
        wall=Seconds(median(walls)),
        processor=Seconds(fmean(processors)),
        spacing=Seconds(median(gaps) if gaps else pause),
        tracks=tracks,
    )


def _read(sensor: Sensor) -> Sequence[EnergyReading | PowerReading]:
    """Raises: SensorFailed."""
    if isinstance(sensor, EnergySensor):
        return sensor.read_energy()
    return sensor.read_power() if isinstance(sensor, PowerSensor) else []
