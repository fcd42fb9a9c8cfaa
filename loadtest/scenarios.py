"""MLPerf Inference's scenarios: how queries are sent while a gate is open."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import gevent
from gevent.monkey import get_original
from gevent.pool import Pool

from loadtest.arrivals import arrivals, share_of
from loadtest.connection import Answer
from loadtest.outage import Outage
from loadtest.plan import PlannedWindow
from loadtest.protocols import Requests
from loadtest.tally import Tally
from wattscan.workloads import STREAMS, Workload

_SLEEP_AT_MOST = 0.05
_COARSE_SECONDS = 0.002
"""libev waits in whole milliseconds, rounded up: what is left of a wait is slept by a thread."""
_THREAD_LATE_SECONDS = 0.0006
"""How late such a thread may wake up. The last part of a wait polls the clock instead."""
_sleep_exactly = get_original("time", "sleep")

Send = Callable[[str, bytes, str], Answer]
"""Method, request, and its name in Locust's statistics."""


@dataclass
class SendingGate:
    """One opening: a warm-up, a load, or a trial of a rate.

    Attributes:
        counts: whether its queries are counted.
        share: the number of this generator, and of how many.
        seconds: how long it is to be open.
    """

    number: int
    window: PlannedWindow
    counts: bool
    seconds: float
    share: tuple[int, int]
    rate: float
    tally: Tally
    begun: float = field(default_factory=time.perf_counter)
    closed: float = math.inf

    def close(self) -> None:
        """Begin no more queries, except those that were due before now."""
        self.closed = time.perf_counter()

    def abandon(self) -> None:
        """Begin no more queries at all."""
        self.closed = self.begun

    @property
    def is_open(self) -> bool:
        """Whether more queries may come due."""
        return math.isinf(self.closed)

    @property
    def queries(self) -> int:
        """Counted so far."""
        return sum(self.tally.outcomes.values())


class Scenario(ABC):
    """Sends the queries of one variant; one for each process and gate."""

    streams = False
    """Whether one process sends all."""

    def __init__(
        self, workload: Workload, requests: Requests, send: Send, outage: Outage, name: str
    ) -> None:
        self._workload = workload
        self._requests = requests
        self._send = send
        self._outage = outage
        self._name = name
        self._number = 0

    @abstractmethod
    def drive(self, gate: SendingGate) -> None:
        """Send until the gate closes; return when everything has been answered."""

    def query(self, gate: SendingGate, images: int, due: float | None = None) -> None:
        """Send a query, wait for all of it, count it. `due`: when it should have left."""
        requests = self._requests
        count = -(-images // requests.images)
        first, self._number = self._number, self._number + count
        start = time.perf_counter() if due is None else due
        if count == 1:
            answers = [self._one(first)]
        else:
            sent = [gevent.spawn(self._one, number) for number in range(first, first + count)]
            answers = [job.get() for job in sent]
        seconds = time.perf_counter() - start
        failed = next((answer for answer in answers if not answer.ok), None)
        if not gate.counts:
            return
        if failed is None:
            gate.tally.answered(count * requests.images, seconds)
        else:
            gate.tally.failed(failed.status, failed.sentence)

    def _one(self, number: int) -> Answer:
        answer = self._send(self._requests.method, self._requests.message(number), self._name)
        self._outage.note(answer)
        return answer


class SingleStreamScenario(Scenario):
    """The next query when the last one returns."""

    streams = True

    def drive(self, gate: SendingGate) -> None:
        """One query at a time."""
        while gate.is_open:
            self.query(gate, self._requests.images)
            self._outage.wait()


class MultiStreamScenario(Scenario):
    """Queries of 8 images, the next when the last one returns."""

    streams = True

    def drive(self, gate: SendingGate) -> None:
        """One query at a time."""
        while gate.is_open:
            self.query(gate, STREAMS)
            self._outage.wait()


class OfflineScenario(Scenario):
    """A bounded number of queries, always in flight."""

    def drive(self, gate: SendingGate) -> None:
        """Keep the pool full until the gate closes."""
        pool = Pool(_of_share(self._workload.in_flight, gate.share))
        while gate.is_open:
            # Not for ever: the gate may close while no query ends.
            if pool.wait_available(_SLEEP_AT_MOST) and gate.is_open:
                pool.spawn(self._query_if_open, gate)
            self._outage.wait()
        pool.join()

    def _query_if_open(self, gate: SendingGate) -> None:
        # The gate may close between the spawn and the greenlet's turn.
        if gate.is_open:
            self.query(gate, self._requests.images)


class ServerScenario(Scenario):
    """Poisson arrivals at a rate, whether earlier ones have returned or not."""

    def drive(self, gate: SendingGate) -> None:
        """Send each query when it is due, or as soon as this process gets to it; one for which
        there is no room is dropped."""
        window, pool = gate.window, Pool(_of_share(self._workload.in_flight, gate.share))
        # The same in every run of a seed, and for all variants of a repeat.
        seed = f"{self._workload.seed} {window.task} {window.repeat} {gate.counts}"
        due = share_of(arrivals(self._workload, gate.rate, gate.seconds, seed), *gate.share)
        for after in due:
            at = gate.begun + after
            while gate.is_open and (wait := at - time.perf_counter()) > 0:
                _wait(min(wait, _SLEEP_AT_MOST))
            if at > gate.closed:
                break
            if pool.free_count():
                pool.spawn(self.query, gate, self._requests.images, at)
            elif gate.counts:
                gate.tally.outcomes["dropped"] += 1
        while gate.is_open:
            gevent.sleep(_SLEEP_AT_MOST)
        pool.join()


def _wait(seconds: float) -> None:
    """At most so long, and to a fraction of a millisecond: a query that leaves late has waited."""
    if seconds > _COARSE_SECONDS:
        gevent.sleep(seconds - _COARSE_SECONDS)
    elif seconds > _THREAD_LATE_SECONDS:
        gevent.get_hub().threadpool.apply(_sleep_exactly, (seconds - _THREAD_LATE_SECONDS,))
    else:
        gevent.sleep(0)


def _of_share(whole: int, share: tuple[int, int]) -> int:
    """This one's part of a number that all share; each has one at least."""
    number, of = share
    return max(1, whole // of + (number < whole % of))


BY_NAME: Mapping[str, type[Scenario]] = {
    "SingleStream": SingleStreamScenario,
    "MultiStream": MultiStreamScenario,
    "Server": ServerScenario,
    "Offline": OfflineScenario,
}
