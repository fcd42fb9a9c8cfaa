"""What threads of a connection wait for."""

from __future__ import annotations

import threading


class Signal:
    """A lock, and a change under it that may be waited for.

    As `threading.Condition`, but entering it and telling nobody cost next to nothing, and that is
    what happens a dozen times in each request.
    """

    __slots__ = ("_condition", "_waiting", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held to wait and to tell."""

        self._condition = threading.Condition(self.lock)
        self._waiting = 0

    def wait(self, seconds: float) -> None:
        """Until it is told, so long at most; the lock is let go of meanwhile."""
        self._waiting += 1
        try:
            self._condition.wait(seconds)
        finally:
            self._waiting -= 1

    def tell(self) -> None:
        """Wake all who wait."""
        if self._waiting:
            self._condition.notify_all()
