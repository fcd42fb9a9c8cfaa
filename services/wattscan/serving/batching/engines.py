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
        self.free: Callable[[], None] | None = None
        """What frees them once all are idle; None: they stay."""

    @property
    def any_idle(self) -> bool:
        """Whether one can be taken."""
        return bool(self._idle)

    def take(self) -> Runner:
        """An idle one: the last to have computed, whose memory is still in the caches."""
        return self._idle.pop()

    def begin(self, runner: Runner, waiting: Sequence[Work]) -> None:
        """The engine starts a batch or a part of one; the threads of `waiting` wait for it."""
        self._running[runner] = _Running(time.monotonic(), waiting)

    def end(self, runner: Runner) -> None:
        """The engine has finished its batch. It is idle only after `rest`."""
        self._running.pop(runner, None)

    def rest(self, runner: Runner) -> None:
        """The engine is idle: `take` may give it to the next request."""
        self._idle.append(runner)

    def longest(self) -> float:
        """Seconds since the longest running batch began; 0 if none runs."""
        now = time.monotonic()
        return max((now - batch.since for batch in self._running.values()), default=0.0)

    def waiting(self) -> list[Work]:
        """The requests whose threads wait for a batch that is being computed."""
        return [work for batch in self._running.values() for work in batch.waiting]

    def to_free(self) -> Callable[[], None] | None:
        """`free`, once, if it is time; else None."""
        if len(self._idle) < self.count:
            return None
        free, self.free = self.free, None
        return free
