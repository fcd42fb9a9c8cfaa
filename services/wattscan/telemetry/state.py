"""One sensor at work: its thread, its schedule, and what is known of it."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from wattscan.contracts import EnergySensor, PowerSensor, SensorFailed, Throttling
from wattscan.metrics import COUNTER_RESET
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.domains import Domain
from wattscan.telemetry.doubt import Doubt
from wattscan.telemetry.reader import Reader
from wattscan.units import Celsius, Seconds

# A whole interval's: at less, samples keep their phase to a periodic load, and its edges bias the
# energy however long the window (`make benchmark-telemetry`).
_JITTER = 0.5
_INTERVAL_WINDOW = Seconds(60.0)


class Schedule:
    """When a sensor is due: every `interval`, with jitter, which does not add up."""

    def __init__(self, interval: Seconds, now: float) -> None:
        self.interval = interval
        self.due = now
        self._begin = now
        self._tick = 0
        self.advance(now)

    def advance(self, now: float) -> None:
        """It is read now: set when it is due next."""
        # A machine that slept or stalled skips ticks instead of catching up.
        self._tick = max(self._tick + 1, int((now - self._begin) / self.interval) + 1)
        jitter = random.uniform(-_JITTER, _JITTER)  # noqa: S311
        self.due = self._begin + (self._tick + jitter) * self.interval


class SensorState:
    """What the exporter shows of one sensor."""

    def __init__(self, found: FoundSensor, interval: Seconds, clock: Callable[[], float]) -> None:
        self.sensor = found.sensor
        self.reader = Reader(found.sensor.name, clock)
        self.schedule = Schedule(found.choice.interval or interval, clock())
        self.doubt = Doubt(found.choice)
        self.corrections = found.choice.corrections
        self.up = False
        self.trouble = "it has not been read yet"
        self.errors: Counter[str] = Counter()
        if isinstance(found.sensor, EnergySensor):
            # There from the start: a reader needs the zero before it.
            self.errors[COUNTER_RESET] = 0
        self.domains: dict[str, Domain] = {}
        self.temperatures: dict[str, Celsius] = {}
        self.throttled: bool | None = None
        """None: it does not tell."""

        self._ticks: deque[Seconds] = deque()

    @property
    def interval(self) -> Seconds | None:
        """Achieved sampling interval, mean of the last minute."""
        if len(self._ticks) < 2:
            return None
        return Seconds((self._ticks[-1] - self._ticks[0]) / (len(self._ticks) - 1))

    def read(self) -> Sequence[Any]:
        """Its readings, of whatever kind it gives. Raises: SensorFailed."""
        readings = self._read()
        if isinstance(self.sensor, Throttling):
            try:
                self.throttled = self.sensor.throttled()
            except SensorFailed:  # its temperature is known all the same
                self.throttled = None
        return readings

    def _read(self) -> Sequence[Any]:
        if isinstance(self.sensor, EnergySensor):
            return self.sensor.read_energy()
        if isinstance(self.sensor, PowerSensor):
            return self.sensor.read_power()
        return self.sensor.read_temperature()

    def note(self, now: Seconds) -> None:
        """The loop has read the sensor, or failed to."""
        if not self.up:
            self._ticks.clear()
            return
        self._ticks.append(now)
        while now - self._ticks[0] > _INTERVAL_WINDOW:
            self._ticks.popleft()

    def lose(self, reason: str, detail: str) -> None:
        """It could not be read: nothing of it is shown until it can."""
        self.up = False
        self.trouble = detail
        self.errors[reason] += 1
        self.temperatures = {}
        self.throttled = None
        self._ticks.clear()
        for domain in self.domains.values():
            domain.lose()
