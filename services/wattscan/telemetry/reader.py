"""Reads a sensor on a thread of its own: one that blocks holds up neither the others nor a scrape.

A driver can do anything in the process that calls it: wait for a bus that never answers, or raise
SystemExit. Here that is a failure of this sensor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeAlias

from wattscan.units import Seconds

PATIENCE = Seconds(1.0)
"""So long a reading may take. The slowest bus that sensors hang on, SMBus, gives up after 35 ms."""

Done: TypeAlias = Callable[[Seconds, Any], None]
"""Is told when the reading was made, and the reading, or the exception that there was instead."""


class Reader:
    """One sensor's thread, which begins with the first reading. `clock` stamps the readings."""

    def __init__(self, name: str, clock: Callable[[], float], patience: Seconds = PATIENCE) -> None:
        self._clock = clock
        self._patience = patience
        self._questions: SimpleQueue[tuple[Callable[[], Any], Done] | None] = SimpleQueue()
        self._asked: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"sensor {name}", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it has been asked, and has not come back."""
        return self._asked is not None

    @property
    def blocked(self) -> bool:
        """Whether it should have come back long ago."""
        asked = self._asked
        return asked is not None and time.monotonic() - asked >= self._patience

    def ask(self, function: Callable[[], Any], done: Done) -> None:
        """Have it read, if it is not busy; `done` is called on its thread.

        It is not called where the answer comes too late: that is of no moment that anybody knows.
        """
        if not self._thread.is_alive():
            self._thread.start()
        self._asked = time.monotonic()
        self._questions.put((function, done))

    def close(self) -> None:
        """Let the thread end, once it comes back."""
        self._questions.put(None)

    def _run(self) -> None:
        while (question := self._questions.get()) is not None:
            function, done = question
            answer: Any
            try:
                answer = function()
            except BaseException as error:  # the driver's, whatever it is
                answer = error
            now = Seconds(self._clock())
            late, self._asked = self.blocked, None
            if not late:
                done(now, answer)
