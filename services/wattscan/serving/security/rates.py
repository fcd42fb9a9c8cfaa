"""So many requests a second for each client."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from wattscan.serving.errors import RateExceeded

_CLIENTS = 10_000


class RateLimit:
    """A token bucket for each client: `rate` requests a second, a second's worth at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._clock = clock
        self._lock = threading.Lock()
        # Who was seen longest ago is forgotten first: the table does not grow with strangers.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Count a request. Raises: RateExceeded."""
        with self._lock:
            now = self._clock()
            left, then = self._buckets.pop(client, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
            allowed = left >= 1
            self._buckets[client] = (left - 1 if allowed else left, now)
            if len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
        if not allowed:
            # Up to the next millisecond, which the hint counts in: no earlier try would be let in.
            wait = math.ceil((1 - left) / self._rate * 1000 + 1e-6) / 1000
            raise RateExceeded(
                f"more than {self._rate:g} requests a second: try again in {wait:g} s", wait
            )
