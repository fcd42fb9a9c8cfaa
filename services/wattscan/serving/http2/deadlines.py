"""Ends calls at their deadlines, whatever their handlers do."""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
import weakref
from collections.abc import Callable
from itertools import count
from typing import TypeAlias

from wattscan.serving.http2.stream import Stream
from wattscan.serving.http2.waiting import Signal
from wattscan.units import Seconds

_Entry: TypeAlias = "tuple[float, int, weakref.ref[Stream]]"

_FEW = 1000  # entries that need no clearing
# The client's own clock, which gRPC keeps in milliseconds, is to be first: a call that was reset
# before would be CANCELLED there, and not DEADLINE_EXCEEDED.
_LATE = Seconds(0.005)


class Deadlines:
    """One thread for all calls that have one.

    Args:
        submit: has another thread call a function; raises RuntimeError where none will.
    """

    def __init__(self, submit: Callable[[Callable[[], None]], object]) -> None:
        self._submit = submit
        self._changed = Signal()
        self._due: list[_Entry] = []
        self._most = _FEW
        self._numbers = count()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; deadlines that are not reached are forgotten."""
        with self._changed.lock:
            self._ended = True
            self._changed.tell()

    def add(self, stream: Stream) -> None:
        """End it just after its deadline. A call that is over is not kept for it."""
        if stream.deadline is None:
            return
        entry = (stream.deadline + _LATE, next(self._numbers), weakref.ref(stream))
        with self._changed.lock:
            if len(self._due) >= self._most:
                self._clear()
            heapq.heappush(self._due, entry)
            if self._due[0] is entry:
                self._changed.tell()

    def _clear(self) -> None:
        """Of calls that are over, since their deadlines may be hours away."""
        self._due = [entry for entry in self._due if not _over(entry)]
        heapq.heapify(self._due)
        self._most = max(_FEW, 2 * len(self._due))

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            self._end(entry[2]())

    def _end(self, stream: Stream | None) -> None:
        if stream is None or stream.over:
            return
        stream.leave()
        # Writing may take long, and this thread must not. An error: the server has stopped.
        with contextlib.suppress(RuntimeError):
            self._submit(stream.cancel)

    def _next(self) -> _Entry | None:
        with self._changed.lock:
            while not self._ended:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)
                left = self._due[0][0] - now if self._due else threading.TIMEOUT_MAX
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
        return None


def _over(entry: _Entry) -> bool:
    stream = entry[2]()
    return stream is None or stream.over
