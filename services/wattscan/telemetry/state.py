"""One sensor at work: its thread, its schedule, and what is known of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from wattscan.contracts import (
    EnergyReading,
    EnergySensor,
    Listing,
    MaxInterval,
    Method,
    PowerReading,
    PowerSensor,
    Sensor,
    SensorFailed,
    Throttling,
)
from wattscan.metrics import COUNTER_RESET
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.domains import AnyDomain, Domain, DomainKey, Total
from wattscan.telemetry.parts import DeviceDomains, KnownDomains, device_of
from wattscan.telemetry.proof import Proof, update_period
from wattscan.telemetry.reader import Reader
from wattscan.telemetry.reading_filter import ReadingFilter
from wattscan.units import Celsius, Seconds

COUNTER_JUMP = "counter_jump"
"""The `reason` of a read error for a counter that has gone up by more than any device takes."""

_INTERVAL_WINDOW = Seconds(60.0)


class SensorState:
    """What the exporter shows of one sensor."""

    def __init__(
        self,
        found: FoundSensor,
        interval: Seconds,
        clock: Callable[[], float],
        take: Callable[[SensorState, Seconds, Any, bool], None],
    ) -> None:
        """`take` is told of each reading, on the sensor's thread: see `reader.Done`."""
        self.sensor = found.sensor
        self.choice = found.choice
        self.reader = Reader(found.sensor.name, clock, self.read, partial(take, self))
        self._read, self.method, self.uncertainty_ratio = _kind(found.sensor)
        self._throttling = found.sensor if isinstance(found.sensor, Throttling) else None
        self.wanted_interval = _interval(found, interval)
        self.update_period = update_period(found.sensor, found.choice)
        self.filter = ReadingFilter(found.choice, self.update_period)
        evidence = found.evidence
        self.proof = Proof(found.choice, evidence.proven, evidence.counted, self.update_period)
        every = found.choice.corrections.items()
        self.corrections = {domain: c for (name, domain), c in every if name == found.sensor.name}
        self.answers = 0
        self.up = False
        self.proving = False
        """It is read, and none of its domains has moved yet: nothing of it is shown."""
        self.trouble = "it has not been read yet"
        self.lacking = ""
        """Why it does not stand for its device, though some of its domains are believed."""
        self._looked = False
        self.errors: Counter[str] = Counter()
        if isinstance(found.sensor, EnergySensor):
            # There from the start: a reader needs the zero before it.
            self.errors[COUNTER_RESET] = self.errors[COUNTER_JUMP] = 0
        self.domains: dict[str, Domain] = {}
        self.total: Total | None = None
        """Where several domains are the device: their sum."""
        self.temperatures: dict[str, Celsius] = {}
        self.throttled: bool | None = None
        """None: it does not tell."""

        self._ticks: deque[Seconds] = deque()

    @property
    def measures(self) -> bool:
        """Whether it measures power or energy."""
        return self.method not in (None, "modelled")

    @property
    def shown(self) -> Iterator[AnyDomain]:
        """What it tells now, its sum last."""
        yield from (domain for domain in self.domains.values() if domain.present)
        if self.total is not None and self.total.present:
            yield self.total

    def device(self) -> AnyDomain | None:
        """What stands for its device in the tables; None: it does not tell of it now."""
        device = self._device()
        if device.lacking or not device.domains:
            return None
        parts = [self.domains[name] for name in device.domains]
        if len(parts) == 1:
            return parts[0]
        if self.total is None or self.total.parts != tuple(parts):
            self.total = Total(parts)
        return self.total

    def find_lacking(self) -> bool:
        """Look whether a part of its device is missing; whether that has changed."""
        unreadable = isinstance(self.sensor, Listing) and bool(self.sensor.unreadable)
        quiet = not unreadable and all(domain.present for domain in self.domains.values())
        if quiet and self._looked and not self.lacking:
            return False  # nothing is asked: a driver may take long to answer
        self._looked = True
        before, self.lacking = self.lacking, self._device().lacking
        return self.lacking != before

    def _device(self) -> DeviceDomains:
        proof = self.proof
        present = {name for name, domain in self.domains.items() if domain.present}
        seen = KnownDomains(self.domains.keys(), proof.proven, present, proof.counted, proof.doubts)
        return device_of(self.sensor, seen)

    @property
    def interval(self) -> Seconds | None:
        """Achieved sampling interval, mean of the last minute."""
        if len(self._ticks) < 2:
            return None
        return Seconds((self._ticks[-1] - self._ticks[0]) / (len(self._ticks) - 1))

    def read(self) -> Sequence[Any]:
        """Its readings, of whatever kind it gives. Raises: SensorFailed."""
        readings = self._read()
        if self._throttling is not None:
            try:
                self.throttled = self._throttling.throttled()
            except SensorFailed:  # its temperature is known all the same
                self.throttled = None
        return readings

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
        self.up = self.proving = False
        self.trouble = detail
        self.errors[reason] += 1
        self.temperatures = {}
        self.throttled = None
        self._ticks.clear()
        for domain in self.domains.values():
            domain.lose()


def _interval(found: FoundSensor, of_target: Seconds) -> Seconds:
    if found.choice.interval is not None:
        return found.choice.interval
    if isinstance(found.sensor, MaxInterval):
        return min(of_target, found.sensor.longest_interval)
    return of_target


def _kind(sensor: Sensor) -> tuple[Callable[[], Sequence[Any]], Method | None, float]:
    """How it is read, how its energy comes about (None: it gives temperatures), its uncertainty.

    Asked once: whether something fulfils a Protocol costs more than to read a file.
    """
    if isinstance(sensor, EnergySensor):
        return sensor.read_energy, sensor.method, sensor.uncertainty_ratio
    if isinstance(sensor, PowerSensor):
        return sensor.read_power, "integrated", sensor.uncertainty_ratio
    return sensor.read_temperature, None, 0.0


def know(state: SensorState, reading: EnergyReading | PowerReading, method: Method) -> None:
    """A domain has its place among its sensor's, believed or not: the first is the sensor's own."""
    if reading.domain not in state.domains:
        key = DomainKey(state.sensor.name, reading.domain, reading.scope, method)
        correction = state.corrections.get(reading.domain)
        state.domains[reading.domain] = Domain(
            *(key, state.uncertainty_ratio, state.wanted_interval, correction, state.update_period)
        )
