"""Reads all sensors, each at its interval, integrates what they say and counts their failures."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wattscan.contracts import EnergyReading, PowerReading, SensorFailed
from wattscan.metrics import COUNTER_RESET
from wattscan.telemetry.attribution import Ledger, LedgerSource
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.domains import DomainKey
from wattscan.telemetry.integrate import JUMP, RESET, most_power
from wattscan.telemetry.reader import READ_TIMEOUT
from wattscan.telemetry.reading_filter import EXPLAINED
from wattscan.telemetry.schedule import Schedule
from wattscan.telemetry.state import COUNTER_JUMP, SensorState, know
from wattscan.telemetry.table_source import TableSource
from wattscan.units import Seconds

_BLOCKED = f"it takes more than {READ_TIMEOUT:g} s"
_PROVING = "it is being proven: its figure has not moved yet, so nothing of it is shown"

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
        self.states = [SensorState(found, interval, clock, self._take) for found in sensors]
        self.lock = threading.Lock()
        self._answered = threading.Condition(self.lock)
        self._interval = interval
        self._ledger = ledger
        self._clock = clock
        # Readings of one begin and seed fall due together.
        self._begin: float | None = None
        self._seed = time.time()
        self._source = TableSource(self.states)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sampler", daemon=True)

    @property
    def table(self) -> DomainKey | None:
        """The domain that tables read and whose energy the ledger gives to requests."""
        return self._source.key

    @property
    def now(self) -> Seconds:
        """The time by the clock that stamps the readings."""
        return Seconds(self._clock())

    def start(self) -> None:
        """Take the first sample, and go on."""
        self.tick()
        self._begin = self._clock()
        self._follow(self.states)
        self._thread.start()

    def begin_anew(self) -> None:
        """The service is ready only now: what the tables read is chosen as if it had just started.

        Which GPUs the models run on is known from their loading on.
        """
        with self.lock:
            self._source.begin_anew()
            self._elect(Seconds(self._clock()))

    def add(self, sensors: Sequence[FoundSensor]) -> None:
        """From now on read these too, which come last in the order of preference."""
        added = [SensorState(each, self._interval, self._clock, self._take) for each in sensors]
        with self.lock:
            self.states += added
        self._follow(added)

    def _follow(self, states: Sequence[SensorState]) -> None:
        if self._begin is None or self._stopping.is_set():
            return
        for state in states:
            state.reader.follow(Schedule(state.wanted_interval, self._begin, self._seed))

    def stop(self) -> None:
        """End the loops; those of sensors that block end when these come back."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for state in self.states:
            state.reader.close()

    def sample(self) -> None:
        """Read every sensor once, now, and wait for them."""
        self._read_all(as_scheduled=False)

    def tick(self) -> None:
        """The same, as one of the samples that the achieved interval is told from."""
        self._read_all(as_scheduled=True)

    def _read_all(self, as_scheduled: bool) -> None:
        states = tuple(self.states)  # another may come meanwhile
        asked = {s: s.answers for s in states if not s.reader.blocked}
        for state in asked:
            state.reader.ask(as_scheduled)
        with self._answered:
            self._answered.wait_for(
                lambda: all(state.answers > before for state, before in asked.items()), READ_TIMEOUT
            )
            for state in states:
                if state not in asked or state.answers == asked[state]:
                    self._fail(state, "blocked", _BLOCKED)
            self._note_parts()
            self._elect(Seconds(self._clock()))

    def _watch(self) -> None:
        while not self._stopping.wait(READ_TIMEOUT):
            with self.lock:
                for state in self.states:
                    if state.reader.blocked:
                        self._fail(state, "blocked", _BLOCKED)
                self._note_parts()
                self._elect(Seconds(self._clock()))

    def _take(self, state: SensorState, now: Seconds, answer: Any, as_scheduled: bool) -> None:
        with self._answered:
            state.answers += 1
            self._try(state, now, answer)
            if as_scheduled:
                state.note(now)
            if self.table is not None:  # the first is chosen when all have answered
                self._elect(now)
            self._answered.notify_all()

    def _try(self, state: SensorState, now: Seconds, answer: Any) -> None:
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
            self._note_up(state)

    def _note_up(self, state: SensorState) -> None:
        was_proving, state.proving = state.proving, state.measures and not state.proof.proven
        if state.proving:
            state.up, state.trouble = False, _PROVING
            return
        if was_proving:
            log.info("sensor %s has moved: it is believed from now on", state.sensor.name)
        elif not state.up and state.errors.total():
            log.warning("sensor %s is back", state.sensor.name)
        state.up = True

    def _note_parts(self) -> None:
        for state in self.states:
            if state.up and state.measures and state.find_lacking():
                name = state.sensor.name
                if state.lacking:
                    log.warning("sensor %s: %s", name, state.lacking)
                else:
                    log.info("sensor %s is whole: no part of its device is missing", name)

    def _fail(self, state: SensorState, reason: str, detail: str) -> None:
        if state.up or not state.errors.total():
            log.warning("sensor %s failed: %s", state.sensor.name, detail)
        state.lose(reason, detail)

    def _add(self, state: SensorState, now: Seconds, answer: Any) -> None:
        if state.method is not None:
            for reading in answer:
                know(state, reading, state.method)
        readings, doubted = state.filter.filter(now, answer)
        if doubted:
            self._disbelieve(state, doubted)
            if not readings:
                reason = next(iter(doubted.values()))
                raise SensorFailed(reason, EXPLAINED[reason])
            state.errors.update(doubted.values())
        if state.method is None:
            state.temperatures = {r.zone: r.temperature for r in readings}
        else:
            if state.measures:
                readings = state.proof.believed(now, readings)
            self._energy(state, now, readings)

    def _disbelieve(self, state: SensorState, names: Iterable[str]) -> None:
        for name in names:
            if name in state.domains:
                state.domains[name].disbelieve()

    def _energy(
        self, state: SensorState, now: Seconds, readings: Sequence[EnergyReading | PowerReading]
    ) -> None:
        for name in state.domains.keys() - {reading.domain for reading in readings}:
            state.domains[name].lose()
        for reading in readings:
            domain = state.domains[reading.domain]
            step = domain.add(now, reading)
            if step is RESET:
                state.errors[COUNTER_RESET] += 1
                log.warning("sensor %s: %s was reset", state.sensor.name, reading.domain)
            elif step is JUMP:
                state.errors[COUNTER_JUMP] += 1
                log.warning(
                    "sensor %s: the count of %s has gone up by more than %g W can: it is left out",
                    *(state.sensor.name, reading.domain, most_power(reading.scope)),
                )
            elif domain is self._source.domain and step.covered > 0:
                self._ledger.settle(Seconds(now - step.covered), now, step.energy)
        total = state.total
        if total is not None and (news := total.news()) and total is self._source.domain:
            self._ledger.settle(*news)

    def _elect(self, now: Seconds) -> None:
        before = self.table
        key = self._source.elect(now)
        domain = self._source.domain
        if domain is not None and not domain.present:
            self._ledger.falls_silent()
        if key is None or key == before:
            return
        self._ledger.set_source(LedgerSource(key.method, key.scope))
        if before is not None:
            log.warning(
                "%s of %s is silent: %s of %s takes its place, in series of its own",
                *(before.domain, before.sensor, key.domain, key.sensor),
            )
