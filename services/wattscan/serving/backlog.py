"""Counts later, many in one go."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_Note = TypeVar("_Note")
_MOST = 32


class Backlog(Generic[_Note]):
    """What is still to be counted. Thread-safe.

    An inference leaves nothing of the interpreter in the processor's caches, and counting there and
    then costs several times what it costs the second time. Who reads the counts settles first.
    """

    def __init__(self, count: Callable[[_Note], None]) -> None:
        self._count = count
        self._notes: deque[_Note] = deque()
        self._lock = threading.Lock()

    def add(self, note: _Note) -> None:
        """Count it, now or later."""
        self._notes.append(note)
        if len(self._notes) >= _MOST and self._lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._lock.release()

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Inside, all that was added before is counted, and nothing else is."""
        with self._lock:
            self._drain()
            yield

    def _drain(self) -> None:
        for _ in range(len(self._notes)):
            self._count(self._notes.popleft())
