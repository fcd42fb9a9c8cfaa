"""What a model version has done since it was loaded: the Open Inference Protocol's statistics."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from wattscan.serving.backlog import Backlog


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


class _Answered(NamedTuple):
    at: float
    rows: int
    batch_size: int
    led: bool
    seconds: Mapping[str, float]


class Statistics:
    """Counts requests. Thread-safe."""

    def __init__(self) -> None:
        self._inferences = self._executions = 0
        self._last = 0.0
        self._durations: dict[str, Duration] = defaultdict(Duration)
        self._batches: dict[int, Duration] = defaultdict(Duration)
        self._backlog: Backlog[_Answered | float] = Backlog(self._count)

    def succeeded(
        self, rows: int, batch_size: int, led: bool, seconds: Mapping[str, float]
    ) -> None:
        """A request of `rows` was answered; stage -> seconds.

        `led`: it is the one of its batch, of that size, that counts the batch.
        """
        self._backlog.add(_Answered(time.time(), rows, batch_size, led, seconds))

    def failed(self, seconds: float) -> None:
        """A request was refused, or has failed, after so long."""
        self._backlog.add(seconds)

    def snapshot(self) -> Snapshot:
        """The figures now."""
        with self._backlog.settled():
            return Snapshot(
                self._inferences,
                self._executions,
                round(self._last * 1000),
                {name: Duration(d.count, d.nanoseconds) for name, d in self._durations.items()},
                {size: Duration(d.count, d.nanoseconds) for size, d in self._batches.items()},
            )

    def _count(self, note: _Answered | float) -> None:
        if not isinstance(note, _Answered):
            self._durations["fail"].add(note)
            return
        seconds = note.seconds
        self._inferences += note.rows
        self._last = max(self._last, note.at)
        self._durations["success"].add(seconds["total"])
        self._durations["queue"].add(seconds["queue"])
        self._durations["compute_input"].add(_sum(seconds, "decode", "preprocess"))
        self._durations["compute_infer"].add(seconds["infer"])
        self._durations["compute_output"].add(_sum(seconds, "postprocess"))
        if note.led:
            self._executions += 1
            self._batches[note.batch_size].add(seconds["infer"])


def _sum(seconds: Mapping[str, float], *stages: str) -> float:
    return sum(seconds.get(stage, 0.0) for stage in stages)
