"""Limits how many requests decode images at the same time: that needs much memory."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from wattscan.serving.errors import DeadlineExceeded, QueueFull

_RETRY_SECONDS = 0.1


class DecodeLimiter:
    """Lets `places` requests decode at a time, and at most `limit` wait."""

    def __init__(self, limit: int, places: int) -> None:
        self._limit = limit
        self._waiting = 0
        self._places = threading.BoundedSemaphore(places)
        self._count = threading.Lock()

    def wait(self, timeout: float | None) -> AbstractContextManager[None]:
        """Wait for a place, `timeout` seconds at most; it is taken until the context ends.

        Raises: QueueFull, DeadlineExceeded.
        """
        if not self._places.acquire(blocking=False):
            self._queue(timeout)
        return _Place(self._places)

    def _queue(self, timeout: float | None) -> None:
        with self._count:
            if self._waiting >= self._limit:
                raise QueueFull(
                    f"{self._limit} images wait to be decoded already: try again later",
                    _RETRY_SECONDS,
                )
            self._waiting += 1
        try:
            taken = self._places.acquire(timeout=timeout)
        finally:
            with self._count:
                self._waiting -= 1
        if not taken:
            raise DeadlineExceeded("the deadline passed while the request waited for its turn")


class _Place:
    """One that is taken."""

    def __init__(self, places: threading.Semaphore) -> None:
        self._places = places

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._places.release()
