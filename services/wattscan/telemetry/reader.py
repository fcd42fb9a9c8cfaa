"""Reads a sensor on a thread of its own: one that blocks holds up neither the others nor a scrape.

A driver can do anything in the process that calls it: wait for a bus that never answers, or raise
SystemExit. Here that is a failure of this sensor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from wattscan.contracts import SensorFailed
from wattscan.units import Seconds

_Reading = TypeVar("_Reading")

PATIENCE = Seconds(1.0)
"""So long a reading may take. The slowest bus that sensors hang on, SMBus, gives up after 35 ms."""


class Reader:
    """One sensor's thread, which begins with the first reading. One caller at a time."""

    def __init__(self, name: str, clock: Callable[[], float], patience: Seconds = PATIENCE) -> None:
        self._clock = clock
        self._patience = patience
        self._questions: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Seconds, Any] | BaseException] = SimpleQueue()
        self._blocked = False
        self._thread = threading.Thread(target=self._run, name=f"sensor {name}", daemon=True)

    def read(self, function: Callable[[], _Reading]) -> tuple[Seconds, _Reading]:
        """When the function came back, and with what.

        Raises:
            SensorFailed: it does not come back (`blocked`), or has raised what would end a process.
            Exception: what it raised.
        """
        if not self._thread.is_alive():
            self._thread.start()
        if self._blocked:
            self._drop_late()
        self._questions.put(function)
        try:
            answer = self._answers.get(timeout=self._patience)
        except Empty:
            self._blocked = True
            raise SensorFailed("blocked", f"it took more than {self._patience:g} s") from None
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, BaseException):
            raise SensorFailed("driver_error", f"it raised {type(answer).__name__}")
        return answer

    def close(self) -> None:
        """Let the thread end, once it comes back."""
        self._questions.put(None)

    def _drop_late(self) -> None:
        """A reading that came too late is of no moment that anybody knows.

        Raises: SensorFailed, as long as none has come: it is not asked again meanwhile.
        """
        try:
            self._answers.get_nowait()
        except Empty:
            raise SensorFailed("blocked", "it has not come back") from None
        self._blocked = False

    def _run(self) -> None:
        while (function := self._questions.get()) is not None:
            try:
                reading = function()
                self._answers.put((Seconds(self._clock()), reading))
            except BaseException as error:  # the driver's, whatever it is
                self._answers.put(error)
