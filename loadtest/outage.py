"""What a generator does about a service that is gone, or that refuses everything."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent

from loadtest.connection import Answer

MOST_REFUSED = 20
"""Queries in a row that are refused before the run is stopped."""

# The service has no room for the moment, or is not there: the next query may fare better.
_PASSING = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED")
_GONE = "UNAVAILABLE"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Outage:
    """Told of every answer; a closed loop waits here while the service is gone."""

    def __init__(self, refused: Callable[[str], None], lost: Callable[[], None]) -> None:
        """`refused` is told when everything is refused, `lost` when the service is gone."""
        self._refused = refused
        self._lost = lost
        self._in_a_row = 0
        self._pause = 0.0
        self._until = 0.0

    def note(self, answer: Answer) -> None:
        """What came back."""
        if answer.ok:
            self._in_a_row, self._pause = 0, 0.0
            return
        if answer.status == _GONE:
            self._note_gone()
        elif answer.status not in _PASSING:
            self._in_a_row += 1
            if self._in_a_row == MOST_REFUSED:
                self._refused(f"{answer.status}: {answer.sentence}")

    def wait(self) -> None:
        """Until it is worth trying again, longer each time."""
        while (left := self._until - time.monotonic()) > 0:
            gevent.sleep(min(left, _FIRST_PAUSE))

    def _note_gone(self) -> None:
        now = time.monotonic()
        if now < self._until:
            return  # one of many that were under way
        if not self._pause:
            self._lost()
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _FIRST_PAUSE)
        self._until = now + self._pause
