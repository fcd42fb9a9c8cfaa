"""Puts the requests for a model together and lets so many run at a time.

A request's thread that finds an engine free leads: it takes those with it that wait and fit, and
computes. Who is alone is never handed over from one thread to another. What has queued up meanwhile
is computed by a thread of the engine's, one batch after the other without a pause, until nobody
waits any more.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from wattscan.contracts import Array, Batching
from wattscan.serving.batching.compute import compute
from wattscan.serving.batching.runner import Runner
from wattscan.serving.batching.work import Work, rows_of
from wattscan.serving.errors import DeadlineExceeded, Hanging, QueueFull
from wattscan.serving.threads import RequestThreads
from wattscan.units import Seconds

_HANGING = "the model's engine does not answer: the server needs a restart"
_CLOSING = Seconds(5.0)
_LOOK = Seconds(0.005)


class _Running(NamedTuple):
    """What an engine computes, since when (monotonic), and whose threads wait for it."""

    since: float
    waiting: Sequence[Work]


class Batcher:
    """The queue of one model version. Thread-safe."""

    def __init__(self, runners: Sequence[Runner], settings: Batching) -> None:
        self.settings = settings
        self._idle = list(runners)
        self._instances = len(runners)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: list[tuple[int, int, Work]] = []
        self._order = itertools.count()
        self._waiting = 0
        self._gathering = 0
        self._leads: dict[Work, Runner] = {}
        self._running: dict[Runner, _Running] = {}
        self._threads = RequestThreads(len(runners), "engine")
        self._seconds_a_row = 0.0
        self._hanging = False

    @property
    def waiting(self) -> int:
        """Rows in the queue."""
        return self._waiting

    @property
    def hanging(self) -> bool:
        """Whether the watchdog has given its engine up."""
        return self._hanging

    def run(self, work: Work) -> Sequence[Array]:
        """Have it computed, alone or with others.

        Returns:
            The model's outputs for its rows.

        Raises:
            QueueFull, DeadlineExceeded, Cancelled, Hanging: it was not computed.
            Exception: what the engine raised.
        """
        work.entered = time.perf_counter()
        runner = self._enter(work) or self._wait(work)
        if runner is not None:
            self._lead(runner, work)
        if work.error is not None:
            raise work.error
        return work.outputs

    def hung_for(self) -> float:
        """Seconds since the longest running batch began; 0 if none runs."""
        with self._lock:
            now = time.monotonic()
            return max((now - batch.since for batch in self._running.values()), default=0.0)

    def set_hanging(self, hanging: bool) -> None:
        """While it hangs, all who wait and all who come are refused."""
        with self._lock:
            self._hanging = hanging
            if hanging:
                for _, _, work in self._queue:
                    work.fail(Hanging(_HANGING))
                self._queue, self._waiting = [], 0
                for batch in self._running.values():
                    for work in batch.waiting:
                        work.fail(Hanging(_HANGING))

    def close(self, patience: Seconds = _CLOSING) -> bool:
        """End its threads. Nobody waits any more, but an engine may still be at work for somebody
        who has left; returns whether none is, within so many seconds."""
        self._threads.shutdown(wait=False)
        end = time.monotonic() + patience
        while self._running and time.monotonic() < end:
            time.sleep(_LOOK)
        return not self._running

    def _enter(self, work: Work) -> Runner | None:
        """A free engine, or None: then it stands in the queue."""
        with self._lock:
            if self._hanging:
                raise Hanging(_HANGING)
            # Beside a batch that waits for more, it is one of those.
            if self._idle and not self._waiting and not self._gathering:
                return self._idle.pop()
            limit = self.settings.queue_limit
            # A request with more rows than fit is let in when none waits.
            if self._waiting and self._waiting + work.rows > limit:
                raise QueueFull(
                    f"{self._waiting} images wait already, and the limit is {limit}: try again "
                    f"in {self._guess():.1g} s",
                    self._guess(),
                )
            priority = min(work.priority, self.settings.priority_levels)
            heapq.heappush(self._queue, (priority, next(self._order), work))
            self._waiting += work.rows
            if self._gathering:
                self._changed.notify_all()
            return None

    def _wait(self, work: Work) -> Runner | None:
        """An engine to lead, or None: another thread has computed it, or it is refused."""
        while True:
            woken = work.wait()
            with self._lock:
                if work in self._leads:
                    return self._leads.pop(work)
                if work.error is not None or work.finished:
                    return None
                refusal = work.refusal()
                if refusal is None and not woken:
                    refusal = DeadlineExceeded("the deadline passed while the request waited")
                if refusal is not None:
                    self._leave(work)
                    raise refusal

    def _lead(self, runner: Runner, work: Work) -> None:
        """Compute in the request's own thread."""
        try:
            self._turn(runner, work, own=1)
        finally:
            self._hand_on(runner)

    def _serve(self, runner: Runner) -> None:
        """Compute in the engine's thread, until nobody waits."""
        while (work := self._next(runner)) is not None:
            try:
                self._turn(runner, work, own=0)
            except Exception as error:  # its thread tells it, and this one goes on
                work.fail(error)

    def _turn(self, runner: Runner, work: Work, own: int) -> None:
        """Compute it and those that fit beside it. `own`: how many of them, the first or none,
        compute in their own thread."""
        batch = [work]
        try:
            batch = self._gather(work)
            wanted = [each for each in batch if not _refused(each)]
            if wanted:
                self._execute(runner, wanted, own)
        finally:
            for other in batch[own:]:
                other.wake()

    def _gather(self, work: Work) -> list[Work]:
        """The leader and those that fit beside it, waiting for more as long as the model says."""
        room = self.settings.max_batch_size - work.rows
        batch = [work]
        if room <= 0 or not (self._queue or self.settings.queue_delay):
            return batch
        until = time.monotonic() + self.settings.queue_delay
        if work.deadline is not None:
            until = min(until, work.deadline)
        with self._lock:
            self._gathering += 1
            try:
                while True:
                    for other in self._take_fitting(work, room):
                        batch.append(other)
                        room -= other.rows
                    self._dispatch()  # what does not fit beside it needs another engine
                    left = until - time.monotonic()
                    if room <= 0 or left <= 0:
                        return batch
                    self._changed.wait(left)
            finally:
                self._gathering -= 1

    def _execute(self, runner: Runner, batch: Sequence[Work], own: int) -> None:
        """Run the batch, and note how long it took."""
        rows = rows_of(batch)
        started = time.perf_counter()
        for work in batch:
            work.account.start(work.rows / rows)
        try:
            begin = partial(self._begin, runner, batch[own:])
            compute(runner, batch, self.settings.max_batch_size, begin)
        finally:
            finished = time.perf_counter()
            self._seconds_a_row = 0.8 * self._seconds_a_row + 0.2 * (finished - started) / rows
            for work in batch:
                work.account.stop()
                work.started, work.finished = started, finished

    def _begin(self, runner: Runner, waiting: Sequence[Work]) -> None:
        """From now on the engine computes, or goes on with the next part."""
        with self._lock:
            self._running[runner] = _Running(time.monotonic(), waiting)

    def _hand_on(self, runner: Runner) -> None:
        """The engine is free: for its own thread, if anybody waits."""
        with self._lock:
            self._running.pop(runner, None)
            if not self._queue:
                self._idle.append(runner)
                return
        try:
            self._threads.submit(partial(self._serve, runner))
        except RuntimeError:  # there cannot be more threads
            with self._lock:
                self._idle.append(runner)
                self._dispatch()

    def _next(self, runner: Runner) -> Work | None:
        """The first in the queue who still wants the engine; None: it is idle."""
        with self._lock:
            self._running.pop(runner, None)
            while self._queue:
                work = self._pop()
                refusal = work.refusal()
                if refusal is None:
                    return work
                work.fail(refusal)
            self._idle.append(runner)
            return None

    def _dispatch(self) -> None:
        """Give free engines to the first in the queue who still want one."""
        while self._queue and self._idle:
            work = self._pop()
            refusal = work.refusal()
            if refusal is None:
                self._leads[work] = self._idle.pop()
                work.wake()
            else:
                work.fail(refusal)

    def _pop(self) -> Work:
        """The first in the queue, taken out of it."""
        _, _, work = heapq.heappop(self._queue)
        self._waiting -= work.rows
        return work

    def _take_fitting(self, leader: Work, room: int) -> list[Work]:
        """Those of the leader's shapes for which there is room, in order."""
        taken, left = [], []
        for entry in sorted(self._queue):
            work = entry[2]
            if room >= work.rows and work.shapes == leader.shapes and work.refusal() is None:
                taken.append(work)
                room -= work.rows
            else:
                left.append(entry)
        if taken:
            self._queue = left  # sorted, hence a heap
            self._waiting -= sum(work.rows for work in taken)
        return taken

    def _leave(self, work: Work) -> None:
        """It is in the queue no more; if it is being computed, nobody waits for the result."""
        left = [entry for entry in self._queue if entry[2] is not work]
        if len(left) < len(self._queue):
            heapq.heapify(left)
            self._queue = left
            self._waiting -= work.rows

    def _guess(self) -> float:
        """Seconds until those that wait now are served."""
        return max(0.01, self._waiting * self._seconds_a_row / self._instances)


def _refused(work: Work) -> bool:
    """Whether nobody wants it any more; then it is told."""
    refusal = work.refusal()
    if refusal is not None:
        work.fail(refusal)
    return refusal is not None
