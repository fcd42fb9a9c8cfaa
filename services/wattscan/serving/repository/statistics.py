"""What a model version has done since it was loaded: the Open Inference Protocol's statistics."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Duration:
    """How often, and how long in all, in nanoseconds."""

    count: int = 0
    nanoseconds: int = 0

    def add(self, seconds: float) -> None:
        """Once more."""
        self.count += 1
        self.nanoseconds += round(seconds * 1e9)


@dataclass(frozen=True)
class Snapshot:
    """The figures of one moment. `batches`: batch size -> executions of it."""

    inferences: int
    executions: int
    last_inference_ms: int
    durations: dict[str, Duration]
    batches: dict[int, Duration]


@dataclass
class Statistics:
    """Counts requests. Thread-safe."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _inferences: int = 0
    _executions: int = 0
    _last: float = 0.0
    _durations: dict[str, Duration] = field(default_factory=lambda: defaultdict(Duration))
    _batches: dict[int, Duration] = field(default_factory=lambda: defaultdict(Duration))

    def succeeded(self, rows: int, batch_size: int, led: bool, seconds: dict[str, float]) -> None:
        """A request of `rows` was answered; stage -> seconds.

        `led`: it is the one of its batch, of that size, that counts the batch.
        """
        with self._lock:
            self._inferences += rows
            self._last = time.time()
            self._executions += led
            self._durations["success"].add(seconds["total"])
            self._durations["queue"].add(seconds["queue"])
            self._durations["compute_input"].add(_sum(seconds, "decode", "preprocess"))
            self._durations["compute_infer"].add(seconds["infer"])
            self._durations["compute_output"].add(_sum(seconds, "postprocess"))
            if led:
                self._batches[batch_size].add(seconds["infer"])

    def failed(self, seconds: float) -> None:
        """A request was refused, or has failed, after so long."""
        with self._lock:
            self._durations["fail"].add(seconds)

    def snapshot(self) -> Snapshot:
        """The figures now."""
        with self._lock:
            return Snapshot(
                self._inferences,
                self._executions,
                round(self._last * 1000),
                {name: Duration(d.count, d.nanoseconds) for name, d in self._durations.items()},
                {size: Duration(d.count, d.nanoseconds) for size, d in self._batches.items()},
            )


def _sum(seconds: dict[str, float], *stages: str) -> float:
    return sum(seconds.get(stage, 0.0) for stage in stages)
