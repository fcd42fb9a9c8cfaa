"""Work on a thread that may be left behind: for whatever may never come back."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from wattscan.units import Seconds

_Answer = TypeVar("_Answer")
# A signal that comes just before a wait begins is seen when it ends.
_GLANCE = Seconds(0.1)


class TookTooLong(Exception):
    """The work is not done, and goes on by itself."""


def aside(name: str, work: Callable[[], _Answer], timeout: float) -> _Answer | BaseException:
    """What the work gives, or what it raised; signals are answered meanwhile.

    Args:
        name: of the thread.
        work: what to do there.
        timeout: how long to wait for it, s.

    Raises:
        TookTooLong: it takes longer.
    """
    answers: queue.SimpleQueue[_Answer | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(work())
        except BaseException as error:  # whatever it is
            answers.put(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    end = time.monotonic() + timeout
    while True:
        try:
            return answers.get(timeout=min(_GLANCE, max(0.0, end - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= end:
                raise TookTooLong from None
