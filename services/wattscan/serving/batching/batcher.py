"""Puts the requests for a model together and lets so many run at a time.

A request's thread that finds an engine free leads: it takes those with it that wait and fit, and
computes. Who is alone is never handed over from one thread to another. What has queued up meanwhile
is computed by a thread of the engine's, one batch after the other without a pause, until nobody
waits any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from wattscan.contracts import Array, Batching
from wattscan.serving.batching.compute import compute
from wattscan.serving.batching.engines import Engines
from wattscan.serving.batching.queue import Queue
from wattscan.serving.batching.runner import Runner
from wattscan.serving.batching.work import Work, count_rows
from wattscan.serving.errors import DeadlineExceeded, Hanging, QueueFull
from wattscan.serving.threads import RequestThreads

# Where all processors compute, what is short goes first: else each step of a request (it is read,
# queued, answered) waits for the end of an engine's time slice.
_NICENESS = 5
_HANGING = "the model's engine does not answer: the server needs a restart"


class Batcher:
    """The queue of one model version. Thread-safe."""

    def __init__(self, runners: Sequence[Runner], settings: Batching) -> None:
        self.settings = settings
        self._engines = Engines(runners)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._queue = Queue()
        self._gathering = 0
        self._leads: dict[Work, Runner] = {}
        self._threads = RequestThreads(len(runners), "engine", _NICENESS)
        self._seconds_a_row = 0.0
        self.hanging = False
        """Whether the watchdog has given its engine up."""

    @property
    def waiting(self) -> int:
        """Rows in the queue."""
        return self._queue.rows

    def run(self, work: Work) -> Sequence[Array]:
        """Have it computed, alone or with others.

        Returns:
            The model's outputs for its rows.

        Raises:
            QueueFull, DeadlineExceeded, Cancelled, Hanging: it was not computed.
            Exception: what the engine raised.
        """
        work.entered = time.monotonic()
        runner = self._enter(work) or self._wait(work)
        if runner is not None:
            self._lead(runner, work)
        if work.error is not None:
            raise work.error
        return work.outputs

    def hung_for(self) -> float:
        """Seconds since the longest running batch began; 0 if none runs."""
        with self._lock:
            return self._engines.longest()

    def set_hanging(self, hanging: bool) -> None:
        """While it hangs, all who wait and all who come are refused."""
        with self._lock:
            self.hanging = hanging
            if hanging:
                for work in (*self._queue.clear(), *self._engines.waiting()):
                    work.fail(Hanging(_HANGING))

    def close(self, free: Callable[[], None]) -> None:
        """End its threads, since nobody waits any more. `free` is called once no engine computes,
        as one may that somebody has not waited for; one that hangs, never."""
        self._threads.shutdown(wait=False)
        with self._lock:
            self._engines.free = free
        self._end()

    def _enter(self, work: Work) -> Runner | None:
        """A free engine, or None: then it stands in the queue."""
        with self._lock:
            if self.hanging:
                raise Hanging(_HANGING)
            # Beside a batch that waits for more, it is one of those.
            if self._engines.any_idle and not self._queue and not self._gathering:
                return self._engines.take()
            limit, waiting = self.settings.queue_limit, self._queue.rows
            # A request with more rows than fit is let in when none waits.
            if waiting and waiting + work.rows > limit:
                raise QueueFull(
                    f"{waiting} images wait already, and the limit is {limit}: try again "
                    f"in {self._guess():.1g} s",
                    self._guess(),
                )
            self._queue.push(work, min(work.priority, self.settings.priority_levels))
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
                    self._queue.remove(work)  # if it is computed already, nobody takes the result
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
            self._turn(runner, work, own=0)
        self._end()

    def _turn(self, runner: Runner, work: Work, own: int) -> None:
        """Compute it and those that fit beside it. `own`: how many of them, the first or none,
        compute in their own thread."""
        batch = [work]
        try:
            self._gather(batch)
            wanted = [each for each in batch if each.is_wanted()]
            if wanted:
                self._execute(runner, wanted, own)
        except Exception as error:  # such as MemoryError: each is told
            for each in batch:
                if not each.batch_size and each.error is None:
                    each.error = error
        finally:
            for other in batch[own:]:
                other.wake()

    def _gather(self, batch: list[Work]) -> None:
        """Add those that fit beside the first, waiting for more as long as the model says."""
        work = batch[0]
        room = self.settings.max_batch_size - work.rows
        if room <= 0 or not (self._queue or self.settings.queue_delay):
            return
        until = time.monotonic() + self.settings.queue_delay
        if work.deadline is not None:
            until = min(until, work.deadline)
        with self._lock:
            self._gathering += 1
            try:
                while True:
                    others = self._queue.take_fitting(work, room)
                    batch += others
                    room -= sum(other.rows for other in others)
                    self._dispatch()  # what does not fit beside it needs another engine
                    left = until - time.monotonic()
                    if room <= 0 or left <= 0:
                        return
                    self._changed.wait(left)
            finally:
                self._gathering -= 1

    def _execute(self, runner: Runner, batch: Sequence[Work], own: int) -> None:
        """Run the batch, and note how long it took."""
        rows = count_rows(batch)
        for work in batch:
            work.started = work.account.start(work.rows / rows)
        try:
            begin = partial(self._begin, runner, batch[own:])
            compute(runner, batch, self.settings.max_batch_size, begin)
        finally:
            for work in batch:
                work.finished = work.account.stop()
            took = batch[0].finished - batch[0].started
            self._seconds_a_row = 0.8 * self._seconds_a_row + 0.2 * took / rows

    def _begin(self, runner: Runner, waiting: Sequence[Work]) -> None:
        with self._lock:
            self._engines.begin(runner, waiting)

    def _hand_on(self, runner: Runner) -> None:
        """The engine is free: for its own thread, if anybody waits."""
        with self._lock:
            self._engines.end(runner)
            if rests := not self._queue:
                self._engines.rest(runner)
        if rests:
            self._end()
            return
        try:
            self._threads.submit(partial(self._serve, runner))
        except Exception:  # there cannot be another thread: theirs lead
            with self._lock:
                self._engines.rest(runner)
                self._dispatch()

    def _next(self, runner: Runner) -> Work | None:
        """Whom the engine computes next; None: nobody waits, and it is idle."""
        with self._lock:
            self._engines.end(runner)
            work = self._first()
            if work is None:
                self._engines.rest(runner)
            return work

    def _dispatch(self) -> None:
        """Give free engines to the first in the queue who still want one."""
        while self._engines.any_idle and (work := self._first()) is not None:
            self._leads[work] = self._engines.take()
            work.wake()

    def _first(self) -> Work | None:
        """The first who still wants to be computed, out of the queue. With the lock held."""
        while self._queue:
            work = self._queue.pop()
            if work.is_wanted():
                return work
        return None

    def _end(self) -> None:
        """Have the engines freed, if they are to be and none computes."""
        if self._engines.free is None:
            return
        with self._lock:
            free = self._engines.to_free()
        if free is not None:
            free()

    def _guess(self) -> float:
        """Seconds until those that wait now are served."""
        return max(0.01, self._queue.rows * self._seconds_a_row / self._engines.count)
