"""What is done every so often beside the requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Every:
    """Calls a function every `seconds`, from `start` to `stop`, on a thread of its own."""

    def __init__(self, seconds: float, function: Callable[[], None], name: str) -> None:
        self._seconds = seconds
        self._function = function
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first call is one interval away."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End; returns when a call that runs has ended, or after so many seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                self._function()
            except Exception as error:  # the next time may be better
                log.error("%s failed: %s", self._thread.name, type(error).__name__)
