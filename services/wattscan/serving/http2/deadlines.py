"""Ends calls at their deadlines, whatever their handlers do."""

from __future__ import annotations

import heapq
import threading
import time
import weakref
from collections.abc import Callable
from itertools import count

from wattscan.serving.http2.stream import Stream


class Deadlines:
    """One thread for all calls that have one. A call that is over is not kept for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._due: list[tuple[float, int, weakref.ref[Stream], Callable[[], None]]] = []
        self._numbers = count()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; deadlines that are not reached are forgotten."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def add(self, stream: Stream, expired: Callable[[], None]) -> None:
        """At its deadline, end the call, and then call `expired`, which must not block."""
        assert stream.deadline is not None  # noqa: S101
        entry = (stream.deadline, next(self._numbers), weakref.ref(stream), expired)
        with self._changed:
            heapq.heappush(self._due, entry)
            if self._due[0] is entry:
                self._changed.notify_all()

    def _run(self) -> None:
        while (expired := self._next()) is not None:
            stream = expired[2]()
            if stream is not None and not stream.over:
                stream.leave()
                expired[3]()

    def _next(self) -> tuple[float, int, weakref.ref[Stream], Callable[[], None]] | None:
        with self._changed:
            while not self._ended:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)
                left = self._due[0][0] - now if self._due else threading.TIMEOUT_MAX
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
        return None
