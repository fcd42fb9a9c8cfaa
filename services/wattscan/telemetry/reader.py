"""Reads a sensor on a thread of its own: one that blocks holds up neither the others nor a scrape.

A driver can do anything in the process that calls it: wait for a bus that never answers, or raise
SystemExit. Here that is a failure of this sensor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from wattscan.telemetry.schedule import Schedule
from wattscan.units import Seconds

READ_TIMEOUT = Seconds(1.0)
"""So long a reading may take. The slowest bus that sensors hang on, SMBus, gives up after 35 ms."""

Done: TypeAlias = Callable[[Seconds, Any, bool], None]
"""Is told when the reading was made, which is the middle of the time that it took; the reading, or
the exception that there was instead; and whether it is one of the schedule's."""


class Reader:
    """One sensor's thread, which begins with the first reading.

    It reads when it is asked and, once it is given a schedule, when it is due: whoever waits for
    the time itself is woken once for each reading, and not twice. `clock` stamps the readings.
    """

    def __init__(
        self,
        name: str,
        clock: Callable[[], float],
        read: Callable[[], Any],
        done: Done,
        timeout: Seconds = READ_TIMEOUT,
    ) -> None:
        self._clock = clock
        self._read = read
        self._done = done
        self._timeout = timeout
        self._lock = threading.Lock()
        # Held while nothing has changed: unlike a Condition, it makes no lock for each wait.
        self._changed = threading.Lock()
        self._changed.acquire()
        self._schedule: Schedule | None = None
        self._asked = self._as_scheduled = self._closed = False
        self._since: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"sensor {name}", daemon=True)

    @property
    def blocked(self) -> bool:
        """Whether it should have come back long ago."""
        since = self._since
        return since is not None and time.monotonic() - since >= self._timeout

    def ask(self, as_scheduled: bool = False) -> None:
        """Have it read now, or when it comes back."""
        with self._lock:
            self._asked = True
            self._as_scheduled |= as_scheduled
            self._wake()

    def follow(self, schedule: Schedule) -> None:
        """From now on, read when it is due too."""
        with self._lock:
            self._schedule = schedule
            self._wake()

    def close(self) -> None:
        """Let the thread end, once it comes back."""
        with self._lock:
            self._closed = True
            self._wake()

    def _wake(self) -> None:
        if not self._thread.is_alive() and not self._closed:
            self._thread.start()
        with suppress(RuntimeError):  # it has been told already
            self._changed.release()

    def _run(self) -> None:
        while (as_scheduled := self._next()) is not None:
            answer: Any
            begun = self._clock()
            try:
                answer = self._read()
            except BaseException as error:  # the driver's, whatever it is
                answer = error
            # A plug takes most of a second, and nobody knows when in it the plug has measured.
            middle = Seconds((begun + self._clock()) / 2)
            # A reading that comes too late is of no moment that anybody knows.
            late, self._since = self.blocked, None
            if not late:
                self._done(middle, answer, as_scheduled)

    def _next(self) -> bool | None:
        """Sleep until it is to read; whether that is as scheduled. None: it is to end."""
        while True:
            with self._lock:
                left = self._left()
                if self._closed:
                    return None
                if self._asked:
                    self._since = time.monotonic()
                    as_scheduled, self._as_scheduled = self._as_scheduled, False
                    self._asked = False
                    return as_scheduled
            self._changed.acquire(timeout=-1 if left is None else max(left, 0.0))

    def _left(self) -> float | None:
        """Seconds until it is due, when it asks itself; None: it has no schedule."""
        if self._schedule is None:
            return None
        now = self._clock()
        if self._schedule.due <= now:
            self._schedule.advance(now)
            self._asked = self._as_scheduled = True
        return min(self._schedule.due - now, threading.TIMEOUT_MAX)
