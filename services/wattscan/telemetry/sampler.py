"""One loop reads all sensors, integrates what they say and counts their failures."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from wattscan.contracts import (
    EnergyReading,
    EnergySensor,
    Method,
    PowerReading,
    PowerSensor,
    Sensor,
    SensorFailed,
)
from wattscan.metrics import COUNTER_RESET
from wattscan.telemetry.attribution import Ledger, Source
from wattscan.telemetry.domains import Domain, DomainKey
from wattscan.telemetry.integrate import RESET
from wattscan.telemetry.reader import Reader
from wattscan.units import Celsius, Seconds

_JITTER = 0.2
_INTERVAL_WINDOW = Seconds(60.0)

log = logging.getLogger(__name__)


class SensorState:
    """What the exporter shows of one sensor."""

    def __init__(self, sensor: Sensor, clock: Callable[[], float]) -> None:
        self.sensor = sensor
        self.reader = Reader(sensor.name, clock)
        self.up = False
        self.errors: Counter[str] = Counter()
        if isinstance(sensor, EnergySensor):
            # There from the start: a reader needs the zero before it.
            self.errors[COUNTER_RESET] = 0
        self.domains: dict[str, Domain] = {}
        self.temperatures: dict[str, Celsius] = {}
        self._ticks: deque[Seconds] = deque()

    @property
    def interval(self) -> Seconds | None:
        """Achieved sampling interval, mean of the last minute."""
        if len(self._ticks) < 2:
            return None
        return Seconds((self._ticks[-1] - self._ticks[0]) / (len(self._ticks) - 1))

    def note(self, now: Seconds) -> None:
        """The loop has read the sensor, or failed to."""
        if not self.up:
            self._ticks.clear()
            return
        self._ticks.append(now)
        while now - self._ticks[0] > _INTERVAL_WINDOW:
            self._ticks.popleft()


class Sampler:
    """Reads the sensors every `interval`, with jitter, from `start` to `stop`.

    The first domain of the first sensor (in the order given) with power or energy is the one that
    tables read and whose energy the ledger gives to requests.
    """

    def __init__(
        self,
        sensors: Sequence[Sensor],
        interval: Seconds,
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.states = [SensorState(sensor, clock) for sensor in sensors]
        self.table: DomainKey | None = None
        self.lock = threading.Lock()
        self._interval = interval
        self._ledger = ledger
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Take the first sample and start the loop."""
        self.tick()
        self._thread.start()

    def stop(self) -> None:
        """End the loop; returns when it has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for state in self.states:
            state.reader.close()

    def sample(self) -> None:
        """Read every sensor once, now. A scrape calls it too, so that its figures are fresh."""
        with self.lock:
            for state in self.states:
                self._read(state)

    def tick(self) -> None:
        """A sample of the loop: the ones that the achieved interval is told from."""
        self.sample()
        with self.lock:
            for state in self.states:
                state.note(Seconds(self._clock()))

    def _run(self) -> None:
        begin = self._clock()
        tick = 0
        while True:
            now = self._clock()
            # A machine that slept or stalled skips ticks instead of catching up.
            tick = max(tick + 1, int((now - begin) / self._interval) + 1)
            # Jitter keeps samples from falling in step with a periodic load.
            jitter = random.uniform(-_JITTER, _JITTER)  # noqa: S311
            due = begin + (tick + jitter) * self._interval
            if self._stopping.wait(max(0.0, due - now)):
                return
            self.tick()

    def _read(self, state: SensorState) -> None:
        try:
            self._take(state)
        except SensorFailed as failure:
            self._fail(state, failure.reason, str(failure))
        except Exception as error:  # a driver's bug must not end the loop for the others
            self._fail(state, "driver_error", f"{type(error).__name__}: {error}")
        else:
            if state.errors.total() and not state.up:
                log.warning("sensor %s is back", state.sensor.name)
            state.up = True

    def _fail(self, state: SensorState, reason: str, detail: str) -> None:
        if state.up or not state.errors.total():
            log.warning("sensor %s failed: %s", state.sensor.name, detail)
        state.up = False
        state.errors[reason] += 1
        state.temperatures = {}
        for domain in state.domains.values():
            domain.lose()

    def _take(self, state: SensorState) -> None:
        sensor = state.sensor
        if isinstance(sensor, EnergySensor):
            now, counts = state.reader.read(sensor.read_energy)
            self._add(state, now, counts, sensor.method, sensor.uncertainty_ratio)
        elif isinstance(sensor, PowerSensor):
            now, powers = state.reader.read(sensor.read_power)
            self._add(state, now, powers, "integrated", sensor.uncertainty_ratio)
        else:
            _, degrees = state.reader.read(sensor.read_temperature)
            state.temperatures = {r.zone: r.temperature for r in degrees}

    def _add(
        self,
        state: SensorState,
        now: Seconds,
        readings: Sequence[EnergyReading | PowerReading],
        method: Method,
        uncertainty_ratio: float,
    ) -> None:
        for name in state.domains.keys() - {reading.domain for reading in readings}:
            state.domains[name].lose()
        for reading in readings:
            domain = state.domains.get(reading.domain)
            if domain is None:
                key = DomainKey(state.sensor.name, reading.domain, reading.scope, method)
                domain = Domain(key, uncertainty_ratio, self._interval)
                state.domains[reading.domain] = domain
                self._choose(key)
            since = domain.last_read
            step = domain.add(now, reading)
            if step is RESET:
                state.errors[COUNTER_RESET] += 1
                log.warning("sensor %s: %s was reset", state.sensor.name, reading.domain)
            if domain.key == self.table and since is not None and step.covered > 0:
                self._ledger.settle(since, now, step.energy)

    def _choose(self, key: DomainKey) -> None:
        if self.table is None:
            self.table = key
            self._ledger.set_source(Source(key.method, key.scope))
