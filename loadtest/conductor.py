"""Leads a run through its windows and phases, and tells users when to send."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gevent
from gevent.event import Event

from loadtest.ledger import Ledger
from loadtest.plan import Plan, Window
from loadtest.thermometer import Thermometer

_DRAIN_SECONDS = 60.0
_LAST_SCRAPES = 2
_LAST_SCRAPES_SECONDS = 15.0


@dataclass
class Gate:
    """One opening: a warm-up, or a load, whose queries are counted."""

    window: Window
    counts: bool
    closes_at: float
    """By `time.perf_counter`."""
    is_open: bool = True


class Conductor:
    """Opens a gate in warm-up and in load; between gates nothing is in flight."""

    def __init__(self, plan: Plan, ledger: Ledger, thermometer: Thermometer) -> None:
        self.plan = plan
        self.ledger = ledger
        self._thermometer = thermometer
        self._gate: Gate | None = None
        self._opened = Event()
        self._in_flight = 0

    def run(self, stop: Callable[[], None]) -> None:
        """The whole run; calls `stop` at its end."""
        windows = self.plan.left
        for number, window in enumerate(windows, 1):
            self._run_window(window, number, len(windows))
        self._wait_for_scrapes()
        _say(event="done")
        stop()

    def wait_for_gate(self) -> Gate:
        """Block until queries may be sent; returns what they belong to."""
        while self._gate is None:
            self._opened.wait()
        return self._gate

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Around a query: its phase does not end before it."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def _run_window(self, window: Window, number: int, of: int) -> None:
        profile = self.plan.profile
        with self._phase(window, "idle", profile.idle, number, of):
            self._thermometer.wait_idle(profile.idle)
        with self._phase(window, "warmup", profile.warmup, number, of):
            self._send(window, profile.warmup, counts=False)
        with self._phase(window, "load", profile.load, number, of):
            self._send(window, profile.load, counts=True)
        with self._phase(window, "cooldown", profile.cooldown, number, of):
            self._thermometer.wait_cool(profile.cooldown)
            self.ledger.cooldowns_unwatched = self._thermometer.unwatched

    @contextmanager
    def _phase(
        self, window: Window, phase: str, seconds: float, number: int, of: int
    ) -> Iterator[None]:
        labels = {
            "task": window.task,
            "precision": window.precision,
            "repeat": window.repeat,
            "phase": phase,
        }
        self.ledger.begin(window, phase)
        _say(event="begin", **labels, seconds=seconds, window=number, of=of)
        yield
        self.ledger.end(window, phase)
        _say(event="end", **labels)

    def _send(self, window: Window, seconds: float, *, counts: bool) -> None:
        gate = self._gate = Gate(window, counts, time.perf_counter() + seconds)
        self._opened.set()
        gevent.sleep(seconds)
        gate.is_open, self._gate = False, None
        self._opened.clear()
        # The phase ends when its last query has been answered: its energy is in the window.
        deadline = time.monotonic() + _DRAIN_SECONDS
        gevent.sleep(0.001)  # lets what was spawned, and has not begun, begin
        while self._in_flight and time.monotonic() < deadline:
            gevent.sleep(0.001)

    def _wait_for_scrapes(self) -> None:
        seen = self.ledger.scrapes
        deadline = time.monotonic() + _LAST_SCRAPES_SECONDS
        while self.ledger.scrapes < seen + _LAST_SCRAPES and time.monotonic() < deadline:
            gevent.sleep(0.05)


def _say(**event: object) -> None:
    """One line of JSON on standard output, for whoever started the generator."""
    print(json.dumps(event), flush=True)
