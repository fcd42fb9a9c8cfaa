"""Lets so many requests at a time do what needs much memory."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from wattscan.serving.errors import DeadlineExceeded, QueueFull

_RETRY_SECONDS = 0.1


class Turns:
    """Lets `places` at a time go on, and bounds how many wait."""

    def __init__(self, limit: int, places: int) -> None:
        self._limit = limit
        self._waiting = 0
        self._free = places
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def wait(self, timeout: float | None) -> AbstractContextManager[None]:
        """Wait for a place, `timeout` seconds at most; it is taken until the context ends.

        Raises: QueueFull, DeadlineExceeded.
        """
        with self._lock:
            if not self._free:
                self._queue(timeout)
            self._free -= 1
        return _Place(self)

    def _queue(self, timeout: float | None) -> None:
        """Until there is a place. With the lock held."""
        if self._waiting >= self._limit:
            raise QueueFull(
                f"{self._limit} images wait to be decoded already: try again later", _RETRY_SECONDS
            )
        self._waiting += 1
        try:
            if not self._changed.wait_for(lambda: self._free > 0, timeout):
                raise DeadlineExceeded("the deadline passed while the request waited for its turn")
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        """A place is free again."""
        with self._lock:
            self._free += 1
            if self._waiting:
                self._changed.notify()


class _Place:
    """One that is taken."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._turns.leave()


class Places:
    """So many at once, and no waiting: `with` raises QueueFull when all are taken."""

    def __init__(self, count: int, what: str) -> None:
        self._count = count
        self._what = what
        self._places = threading.BoundedSemaphore(count)

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise QueueFull(f"{self._count} {self._what} already: try again later", _RETRY_SECONDS)

    def __exit__(self, *_: object) -> None:
        self._places.release()
