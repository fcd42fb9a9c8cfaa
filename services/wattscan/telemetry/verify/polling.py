"""Reads a source as fast as is reasonable: how often it is renewed, by how much, at what cost."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from wattscan.contracts import EnergyReading, EnergySensor, PowerReading, PowerSensor, Sensor
from wattscan.telemetry.reader import READ_TIMEOUT, Reader
from wattscan.units import Seconds

_SHORTEST_PAUSE = Seconds(0.001)
# A source that is renewed once a second, such as a plug on the network, is not asked more often.
_READS_IN_A_PERIOD = 100
# A reader gives no answer that comes after its timeout.
_LONGEST_READ = Seconds(READ_TIMEOUT + 0.1)
_LOOK_AGAIN = Seconds(0.05)


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
    time; `spacing` is the median time from one read to the next. `blocked`: its last read has not
    come back, and the sensor cannot be asked again."""

    duration: Seconds
    reads: int
    failures: int
    wall: Seconds
    processor: Seconds
    spacing: Seconds
    tracks: Mapping[str, Track]
    blocked: bool = False


@dataclass(frozen=True)
class _Read:
    """One read: what it gave, None where it failed, and what it took."""

    readings: Sequence[EnergyReading | PowerReading] | None
    now: float
    wall: Seconds
    processor: Seconds


def poll(
    sensor: Sensor,
    period: Seconds,
    duration: Seconds,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Poll:
    """Read it for `duration` seconds; `period` is how often it is renewed, as its driver says.

    A read that takes longer than the reader's timeout is a failure. While one does not come back,
    no other is made.
    """
    pause = max(_SHORTEST_PAUSE, period / _READS_IN_A_PERIOD)
    tracks: dict[str, Track] = {}
    reads: list[_Read] = []
    late = 0
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    reader = Reader(
        sensor.name,
        clock,
        lambda: _read(sensor, clock),
        lambda _now, answer, _as_scheduled: answers.put(answer),
    )
    begin = clock()
    while not reads or clock() - begin < duration:
        reader.ask()
        try:
            answer = answers.get(timeout=_LONGEST_READ)
        except queue.Empty:
            late += 1
            if _is_stuck(reader, begin + duration, clock):
                break
            continue
        reads.append(answer)
        _add(tracks, answer)
        sleep(pause)
    blocked = reader.blocked
    reader.close()
    found = _poll_of(reads, late, pause)
    return replace(found, duration=Seconds(clock() - begin), tracks=tracks, blocked=blocked)


def _add(tracks: dict[str, Track], answer: _Read) -> None:
    for reading in answer.readings or ():
        value = reading.count if isinstance(reading, EnergyReading) else reading.power
        stamp = None if isinstance(reading, EnergyReading) else reading.stamp
        tracks.setdefault(reading.domain, Track()).add(answer.now, value, stamp)


def _poll_of(reads: Sequence[_Read], late: int, pause: float) -> Poll:
    gaps = [after.now - before.now for before, after in pairwise(reads)]
    return Poll(
        duration=Seconds(0.0),
        reads=len(reads) + late,
        failures=sum(each.readings is None for each in reads) + late,
        wall=Seconds(median([each.wall for each in reads] or [READ_TIMEOUT])),
        processor=Seconds(fmean([each.processor for each in reads] or [0.0])),
        spacing=Seconds(median(gaps) if gaps else pause),
        tracks={},
        blocked=False,
    )


def _is_stuck(reader: Reader, end: float, clock: Callable[[], float]) -> bool:
    """Wait for a read that takes too long; True: it is not back at the end, by the clock."""
    while reader.blocked:
        if clock() >= end:
            return True
        time.sleep(_LOOK_AGAIN)
    return clock() >= end


def _read(sensor: Sensor, clock: Callable[[], float]) -> _Read:
    """On the reader's own thread."""
    started, used = clock(), time.thread_time()
    readings: Sequence[EnergyReading | PowerReading] | None
    try:
        readings = _readings(sensor)
    except BaseException:  # the driver's, whatever it is
        readings = None
    processor, now = time.thread_time() - used, clock()
    return _Read(readings, now, Seconds(now - started), Seconds(processor))


def _readings(sensor: Sensor) -> Sequence[EnergyReading | PowerReading]:
    """Raises: SensorFailed."""
    if isinstance(sensor, EnergySensor):
        return sensor.read_energy()
    return sensor.read_power() if isinstance(sensor, PowerSensor) else []
