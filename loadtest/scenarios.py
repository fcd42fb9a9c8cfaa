"""MLPerf Inference's scenarios, as Locust users."""

from __future__ import annotations

import random
import time
from typing import Any, ClassVar

import gevent
from gevent.pool import Pool
from locust import User, task

from loadtest.client import Client
from loadtest.conductor import Conductor, Gate
from loadtest.workload import Workload

_STREAMS = 8
_SLEEP_AT_MOST = 0.05


class Scenario(User):
    """A user that sends queries while the conductor's gate is open."""

    abstract = True
    conductor: ClassVar[Conductor]
    client: ClassVar[Client]
    workloads: ClassVar[dict[tuple[str, str], Workload]]
    rate: ClassVar[float]
    in_flight: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._number = 0

    @task
    def send_while_open(self) -> None:
        """Locust calls it again and again."""
        self.send(self.conductor.wait_for_gate())

    def send(self, gate: Gate) -> None:
        """The scenario's way to send."""
        raise TypeError(f"{type(self).__name__} does not say how to send in {gate.window}")

    def query(self, gate: Gate, images: int = 1, due: float | None = None) -> None:
        """Send a query, wait for all its images, count it. `due`: when it should have left."""
        window, ledger = gate.window, self.conductor.ledger
        workload = self.workloads[window.task, window.precision]
        name = f"{window.task}-{window.precision}"
        first, self._number = self._number, self._number + images
        with self.conductor.in_flight():
            start = time.perf_counter() if due is None else due
            if images == 1:
                answered = self.client.send(workload, first, name)
            else:
                numbers = range(first, first + images)
                sent = [gevent.spawn(self.client.send, workload, n, name) for n in numbers]
                answered = all(job.get() for job in sent)
            seconds = time.perf_counter() - start
            if gate.counts and answered:
                ledger.answered(window, images, seconds)
            elif gate.counts:
                ledger.failed(window)


class SingleStream(Scenario):
    """The next query when the last one returns."""

    def send(self, gate: Gate) -> None:
        """One query."""
        self.query(gate)


class MultiStream(Scenario):
    """Queries of 8 images, the next when the last one returns."""

    def send(self, gate: Gate) -> None:
        """One query."""
        self.query(gate, _STREAMS)


class Offline(Scenario):
    """As many images in flight as the server's queue takes."""

    def send(self, gate: Gate) -> None:
        """Keep the pool full until the gate closes."""
        pool = Pool(self.in_flight)
        while gate.is_open:
            pool.spawn(self.query, gate)
        pool.join()


class Server(Scenario):
    """Poisson arrivals at a rate, whether earlier ones have returned or not."""

    def send(self, gate: Gate) -> None:
        """Send each query when it is due, until the gate closes."""
        # The same in every run of a seed, and for both variants of a repeat.
        window = gate.window
        seed = f"{self.conductor.plan.seed} {window.task} {window.repeat} {gate.counts}"
        arrivals = random.Random(seed)  # noqa: S311
        pool = Pool(self.in_flight)
        due = time.perf_counter()
        while (due := due + arrivals.expovariate(self.rate)) < gate.closes_at:
            while gate.is_open and (wait := due - time.perf_counter()) > 0:
                gevent.sleep(min(wait, _SLEEP_AT_MOST))
            if gate.is_open and pool.free_count():
                pool.spawn(self.query, gate, 1, due)
            elif gate.counts:
                self.conductor.ledger.dropped(gate.window, 1)
        pool.join()
        while gate.is_open:
            gevent.sleep(_SLEEP_AT_MOST)
