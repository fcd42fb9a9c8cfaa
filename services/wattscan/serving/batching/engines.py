"""Which engines of a model version are idle, and what the others compute."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wattscan.serving.batching.runner import Runner
from wattscan.serving.batching.work import Work


class _Running(NamedTuple):
    """What an engine computes, since when (monotonic), and whose threads wait for it."""

    since: float
    waiting: Sequence[Work]


class Engines:
    """Those of one batcher, whose lock is held by whoever calls."""

    def __init__(self, runners: Sequence[Runner]) -> None:
        self.count = len(runners)
        self._idle = list(runners)
        self._running: dict[Runner, _Running] = {}
        self._free: Callable[[], None] | None = None

    @property
    def any_idle(self) -> bool:
        """Whether one can be taken."""
        return bool(self._idle)

    def take(self) -> Runner:
        """An idle one: the last to have computed, whose memory is still in the caches."""
        return self._idle.pop()

    def begin(self, runner: Runner, waiting: Sequence[Work]) -> None:
        """It computes, or goes on with the next part; those others wait for it."""
        self._running[runner] = _Running(time.monotonic(), waiting)

    def end(self, runner: Runner) -> None:
        """It computes no more; whether it is idle is another question."""
        self._running.pop(runner, None)

    def rest(self, runner: Runner) -> None:
        """It is idle."""
        self._idle.append(runner)

    def longest(self) -> float:
        """Seconds since the longest running batch began; 0 if none runs."""
        now = time.monotonic()
        return max((now - batch.since for batch in self._running.values()), default=0.0)

    def waiting(self) -> list[Work]:
        """Whose threads wait for what is computed."""
        return [work for batch in self._running.values() for work in batch.waiting]

    def free_by(self, free: Callable[[], None]) -> None:
        """They are to be freed by that, once all are idle."""
        self._free = free

    def to_free(self) -> Callable[[], None] | None:
        """What frees them, if they are to be freed now: told once."""
        if len(self._idle) < self.count:
            return None
        free, self._free = self._free, None
        return free
