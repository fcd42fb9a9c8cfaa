"""Sensors that were set but not there at the start: a plug whose network came up later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from wattscan.contracts import SensorChoice
from wattscan.telemetry.discovery import FoundSensor, look, more_may_come
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Seconds

_EVERY = Seconds(10.0)

_RANK = (
    "Before the next start the tables read it only if what they read falls silent or is modelled."
)

log = logging.getLogger(__name__)


class LateSensors:
    """Looks for them again and again, and has the sampler read them.

    Each on a thread of its own: a search that never comes back holds up none of the others.
    """

    def __init__(
        self,
        awaited: Sequence[SensorChoice],
        sysfs: Path,
        sampler: Sampler,
        every: Seconds = _EVERY,
    ) -> None:
        self._sysfs = sysfs
        self._sampler = sampler
        self._every = every
        self._stopping = threading.Event()
        self.threads = [
            threading.Thread(
                target=self._await, args=(choice,), name=f"await {choice.name}", daemon=True
            )
            for choice in awaited
        ]

    def start(self) -> None:
        """Begin; without anything to wait for there is no thread."""
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads end: a search that is under way is not waited for."""
        self._stopping.set()

    def _await(self, choice: SensorChoice) -> None:
        here = {state.sensor.name for state in tuple(self._sampler.states)}
        while not self._stopping.wait(self._every):
            found = self._look(choice)
            new = [each for each in found if each.sensor.name not in here]
            if new and not self._stopping.is_set():
                here |= {each.sensor.name for each in new}
                names = ", ".join(each.sensor.name for each in new)
                log.info("found now, and read: %s. %s", names, _RANK)
                self._sampler.add(new)
            if found and not more_may_come(choice):
                return

    def _look(self, choice: SensorChoice) -> list[FoundSensor]:
        try:
            return look(choice, self._sysfs)
        except BaseException:  # why it is not here was told at the start; nor may SystemExit end it
            return []
