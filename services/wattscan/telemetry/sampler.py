"""Reads all sensors, each at its interval, integrates what they say and counts their failures."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from wattscan.contracts import (
    EnergyReading,
    EnergySensor,
    Method,
    PowerReading,
    PowerSensor,
    SensorFailed,
)
from wattscan.metrics import COUNTER_RESET
from wattscan.telemetry.attribution import Ledger, Source
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.domains import Domain, DomainKey
from wattscan.telemetry.integrate import RESET
from wattscan.telemetry.reader import PATIENCE
from wattscan.telemetry.state import SensorState
from wattscan.telemetry.table_source import TableSource
from wattscan.units import Seconds

log = logging.getLogger(__name__)


class Sampler:
    """Reads every sensor at its own interval or the target's, with jitter, from `start` to `stop`.

    One that is slow or blocks delays nobody: each is read on a thread of its own.
    """

    def __init__(
        self,
        sensors: Sequence[FoundSensor],
        interval: Seconds,
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.states = [SensorState(found, interval, clock) for found in sensors]
        self.lock = threading.Lock()
        self._answered = threading.Condition(self.lock)
        self._ledger = ledger
        self._clock = clock
        self._source = TableSource(self.states)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    @property
    def table(self) -> DomainKey | None:
        """The domain that tables read and whose energy the ledger gives to requests."""
        return self._source.key

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
        self._wait_for([state for state in self.states if self._ask(state, of_the_loop=False)])

    def tick(self) -> None:
        """A sample of all, as the loop takes it: the achieved interval is told from those."""
        self._wait_for([state for state in self.states if self._ask(state, of_the_loop=True)])

    def _run(self) -> None:
        while True:
            now = self._clock()
            due = min((state.schedule.due for state in self.states), default=now + PATIENCE)
            if self._stopping.wait(max(0.0, due - now)):
                return
            now = self._clock()
            for state in self.states:
                if state.schedule.due <= now:
                    state.schedule.advance(now)
                    self._ask(state, of_the_loop=True)

    def _ask(self, state: SensorState, of_the_loop: bool) -> bool:
        """Have a sensor read, unless it still reads; returns whether an answer is to come."""
        if state.reader.blocked:
            with self.lock:
                self._fail(state, "blocked", "it has not come back")
            return False
        if state.reader.busy:
            return True

        def done(now: Seconds, answer: Any) -> None:
            with self._answered:
                self._take(state, now, answer)
                if of_the_loop:
                    state.note(now)
                if self.table is not None:  # the first is chosen when all have answered
                    self._elect(now)
                self._answered.notify_all()

        state.reader.ask(state.read, done)
        return True

    def _wait_for(self, asked: Sequence[SensorState]) -> None:
        def answered() -> bool:
            return not any(state.reader.busy for state in asked)

        with self._answered:
            self._answered.wait_for(answered, PATIENCE)
            for state in asked:
                if state.reader.busy:
                    self._fail(state, "blocked", f"it took more than {PATIENCE:g} s")
            self._elect(Seconds(self._clock()))

    def _take(self, state: SensorState, now: Seconds, answer: Any) -> None:
        try:
            if isinstance(answer, BaseException):
                raise answer
            self._add(state, now, answer)
        except SensorFailed as failure:
            self._fail(state, failure.reason, str(failure))
        except Exception as error:  # a driver's bug must not end the loop for the others
            self._fail(state, "driver_error", f"{type(error).__name__}: {error}")
        except BaseException as error:  # nor what would end the process
            self._fail(state, "driver_error", f"it raised {type(error).__name__}")
        else:
            if state.errors.total() and not state.up:
                log.warning("sensor %s is back", state.sensor.name)
            state.up = True

    def _fail(self, state: SensorState, reason: str, detail: str) -> None:
        if state.up or not state.errors.total():
            log.warning("sensor %s failed: %s", state.sensor.name, detail)
        state.lose(reason, detail)

    def _add(self, state: SensorState, now: Seconds, answer: Any) -> None:
        readings, doubted = state.doubt.sift(now, answer)
        state.errors.update(doubted)
        sensor = state.sensor
        if isinstance(sensor, EnergySensor):
            self._energy(state, now, readings, sensor.method, sensor.uncertainty_ratio)
        elif isinstance(sensor, PowerSensor):
            self._energy(state, now, readings, "integrated", sensor.uncertainty_ratio)
        else:
            state.temperatures = {r.zone: r.temperature for r in readings}

    def _energy(
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
                correction = state.corrections.get(reading.domain)
                domain = Domain(key, uncertainty_ratio, state.schedule.interval, correction)
                state.domains[reading.domain] = domain
            since = domain.last_read
            step = domain.add(now, reading)
            if step is RESET:
                state.errors[COUNTER_RESET] += 1
                log.warning("sensor %s: %s was reset", state.sensor.name, reading.domain)
            if domain.key == self.table and since is not None and step.covered > 0:
                self._ledger.settle(since, now, step.energy)

    def _elect(self, now: Seconds) -> None:
        before = self.table
        key = self._source.elect(now)
        if key is None or key == before:
            return
        self._ledger.set_source(Source(key.method, key.scope))
        if before is not None:
            log.warning(
                "%s of %s is silent: %s of %s takes its place, in series of its own",
                *(before.domain, before.sensor, key.domain, key.sensor),
            )
