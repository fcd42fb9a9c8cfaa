"""Sensors that were set but not there at the start: a plug whose network came up later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from wattscan.contracts import SensorChoice
from wattscan.telemetry.discovery import FoundSensor, look
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Seconds

_EVERY = Seconds(10.0)

log = logging.getLogger(__name__)


class Latecomers:
    """Looks for them again and again, on a thread of its own, and has the sampler read them."""

    def __init__(
        self,
        awaited: Sequence[SensorChoice],
        sysfs: Path,
        sampler: Sampler,
        every: Seconds = _EVERY,
    ) -> None:
        self._awaited = list(awaited)
        self._sysfs = sysfs
        self._sampler = sampler
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latecomers", daemon=True)

    def start(self) -> None:
        """Begin; without anything to wait for there is no thread."""
        if self._awaited:
            self._thread.start()

    def stop(self) -> None:
        """Let the thread end: a look that is under way is not waited for."""
        self._stopping.set()

    def _run(self) -> None:
        while self._awaited and not self._stopping.wait(self._every):
            for choice in list(self._awaited):
                found = self._look(choice)
                if found and not self._stopping.is_set():
                    log.warning("sensor %s is here now", choice.name)
                    self._awaited.remove(choice)
                    self._sampler.add(found)

    def _look(self, choice: SensorChoice) -> list[FoundSensor]:
        try:
            return look(choice, self._sysfs)
        except Exception:  # why it is not here was told at the start
            return []
