"""Leads a run through its windows and phases, and tells users when to send."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent.event import Event

from loadtest.ledger import Ledger
from loadtest.plan import Plan, Window
from loadtest.thermometer import Thermometer

_DRAIN_SECONDS = 60.0
_LAST_SCRAPES = 2
_LAST_SCRAPES_SECONDS = 15.0


class Conductor:
    """The gate is open in warm-up and load, and closed, with nothing in flight, else."""

    def __init__(self, plan: Plan, ledger: Ledger, thermometer: Thermometer) -> None:
        self.plan = plan
        self.ledger = ledger
        self.closes_at = 0.0
        self._thermometer = thermometer
        self._open = Event()
        self._window: Window | None = None
        self.recording = False
        self._in_flight = 0

    def run(self, stop: Callable[[], None]) -> None:
        """The whole run; calls `stop` at its end."""
        windows = self.plan.windows
        for number, window in enumerate(windows, 1):
            self._run_window(window, number, len(windows))
        self._wait_for_scrapes()
        _say(event="done")
        stop()

    def wait_for_window(self) -> Window:
        """Block until queries may be sent; returns the window that they belong to."""
        self._open.wait()
        assert self._window is not None  # noqa: S101
        return self._window

    @property
    def is_open(self) -> bool:
        """Whether a query may be sent now."""
        return bool(self._open.is_set())

    @contextmanager
    def query(self) -> Iterator[bool]:
        """Around a query; gives whether it counts (a warm-up's does not)."""
        self._in_flight += 1
        try:
            yield self.recording
        finally:
            self._in_flight -= 1

    def _run_window(self, window: Window, number: int, of: int) -> None:
        profile = self.plan.profile
        with self._phase(window, "idle", profile.idle, number, of):
            self._thermometer.wait_idle(profile.idle)
        with self._phase(window, "warmup", profile.warmup, number, of):
            self._send(window, profile.warmup, recording=False)
        with self._phase(window, "load", profile.load, number, of):
            self._send(window, profile.load, recording=True)
        with self._phase(window, "cooldown", profile.cooldown, number, of):
            self._thermometer.wait_cool(profile.cooldown)

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

    def _send(self, window: Window, seconds: float, *, recording: bool) -> None:
        self._window, self.recording = window, recording
        self.closes_at = time.perf_counter() + seconds
        self._open.set()
        gevent.sleep(seconds)
        self._open.clear()
        # The phase ends when its last query has been answered: its energy is in the window.
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._in_flight and time.monotonic() < deadline:
            gevent.sleep(0.001)
        self.recording = False

    def _wait_for_scrapes(self) -> None:
        seen = self.ledger.scrapes
        deadline = time.monotonic() + _LAST_SCRAPES_SECONDS
        while self.ledger.scrapes < seen + _LAST_SCRAPES and time.monotonic() < deadline:
            gevent.sleep(0.05)


def _say(**event: object) -> None:
    """One line of JSON on standard output, for whoever started the generator."""
    print(json.dumps(event), flush=True)
