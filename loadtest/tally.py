"""What was counted in one window; tallies of several senders are added bucket by bucket."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

# 0.1 ms to 60 s. The step stays under the 5 % that the contract allows once bounds are rounded.
_STEP = 1.049
BOUNDS = tuple(round(0.0001 * _STEP**k, 9) for k in range(280))

OUTCOMES = ("ok", "error", "dropped")


class Tally:
    """Outcomes, images, latencies (s), and the first sentence of each kind of error.

    `bound` is a latency bound, which gets a bucket of its own: queries beyond it are counted, not
    estimated.
    """

    def __init__(self, bound: float = 0.0) -> None:
        self._bounds = tuple(sorted({*BOUNDS, bound})) if bound > 0 else BOUNDS
        self.outcomes = Counter(dict.fromkeys(OUTCOMES, 0))
        self.images = 0
        self.sum = 0.0
        self.incidents: Counter[str] = Counter()
        self.errors: dict[str, str] = {}
        self._buckets: Counter[int] = Counter()

    def answered(self, images: int, seconds: float) -> None:
        """A query was answered."""
        self.outcomes["ok"] += 1
        self.images += images
        self.sum += seconds
        self._buckets[bisect_left(self._bounds, seconds)] += 1

    def failed(self, status: str, sentence: str) -> None:
        """A query got an error."""
        self.outcomes["error"] += 1
        self.errors.setdefault(status, sentence)

    def beyond(self, bound: float) -> int:
        """Answered queries that took longer than a bound, which is one of the buckets'."""
        place = bisect_left(self._bounds, bound)
        return sum(count for bucket, count in self._buckets.items() if bucket > place)

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, cumulative count), as Prometheus has them."""
        counts = [self._buckets[place] for place in range(len(self._bounds) + 1)]
        bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(counts), strict=True))

    def message(self) -> dict[str, Any]:
        """As a message of Locust's has it."""
        return {
            "outcomes": dict(self.outcomes),
            "images": self.images,
            "sum": self.sum,
            "incidents": dict(self.incidents),
            "errors": self.errors,
            "buckets": {str(place): count for place, count in self._buckets.items()},
        }

    def add(self, message: Mapping[str, Any]) -> None:
        """Another one's, of the same bound."""
        self.outcomes.update(message["outcomes"])
        self.images += message["images"]
        self.sum += message["sum"]
        self.incidents.update(message["incidents"])
        for status, sentence in message["errors"].items():
            self.errors.setdefault(status, sentence)
        self._buckets.update({int(place): n for place, n in message["buckets"].items()})
