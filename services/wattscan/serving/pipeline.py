"""The way of a request: decode, preprocess, queue, infer, postprocess."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeVar

from wattscan.contracts import EnergyAccount, EnergyMeter, EnergyShare
from wattscan.serving.batching.work import Work
from wattscan.serving.call import Call
from wattscan.serving.errors import Cancelled, Draining
from wattscan.serving.jobs import Job
from wattscan.serving.observations import Observations
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.repository.repository import Repository
from wattscan.serving.turns import Turns
from wattscan.units import Joules

_QUIET_SECONDS = 0.3
_Result = TypeVar("_Result")


@dataclass
class _Stages:
    """Times the stages of one request, and counts them as service unless they are a wait."""

    account: EnergyAccount
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        with self.account.in_service():
            try:
                yield
            finally:
                self.seconds[name] = time.perf_counter() - start

    @contextmanager
    def wait(self, turn: AbstractContextManager[None]) -> Iterator[None]:
        """Inside, it is this request's turn; what it waited counts as queueing."""
        start = time.perf_counter()
        with turn:
            waited = time.perf_counter() - start
            self.seconds["queue"] = self.seconds.get("queue", 0.0) + waited
            yield

    def computed(self, work: Work) -> None:
        self.seconds["queue"] = self.seconds.get("queue", 0.0) + work.started - work.entered
        self.seconds["infer"] = work.finished - work.started


class Pipeline:
    """Answers requests, from any number of threads, until it is drained."""

    def __init__(
        self, models: Repository, meter: EnergyMeter, observations: Observations, queue_limit: int
    ) -> None:
        self.models = models
        self._meter = meter
        self._observations = observations
        # A decoded image may be thousands of times its file: only so many at once.
        self._decoding = Turns(queue_limit, places=os.cpu_count() or 1)
        self._running = 0
        self._draining = False
        self._last_seen = 0.0
        self._changed = threading.Condition()

    @property
    def draining(self) -> bool:
        """Whether new requests are refused."""
        return self._draining

    def answer(self, name: str, version: int | None, job: Job[_Result], call: Call) -> _Result:
        """The whole way of a request to a model; `version` None is the newest.

        Raises:
            RequestRefused, InvalidImage: with a text for the client.
        """
        with self.admitted(call), self.models.lease(name, version) as model:
            call.model = model
            account = self._meter.open(*model.labels)
            stages = _Stages(account)
            start = time.perf_counter()
            finished = False
            try:
                turn = self._decoding.wait(call.left()) if job.decodes else nullcontext()
                with stages.wait(turn):
                    _check_wanted(call)
                    inputs, rows = job.inputs(model, stages.stage)
                work = Work(
                    inputs, rows, account, call.deadline, call.wanted, _priority(call, model)
                )
                if call.on_end(work.wake) is False:
                    work.wake()  # it has ended already: nobody would wake it
                outputs = model.batcher.run(work)
                stages.computed(work)
                with stages.stage("postprocess"):
                    result = job.result(model, outputs)
                _check_wanted(call)
                finished = True
            finally:
                account.close(ok=finished)
                stages.seconds["total"] = time.perf_counter() - start
                if not finished:
                    model.statistics.failed(stages.seconds["total"])
            self._note(model, work, stages, call)
            return result

    def refuse_new(self) -> None:
        """From now on requests that come are told to go elsewhere."""
        with self._changed:
            self._draining = True

    def drain(self, timeout: float) -> bool:
        """Refuse new requests; wait for those that run, and until none has come for a moment, so
        that clients are told to go elsewhere before the port closes on them.

        Returns:
            Whether all requests have finished.
        """
        deadline = time.monotonic() + timeout
        self.refuse_new()
        with self._changed:
            self._last_seen = time.monotonic()
            finished = self._changed.wait_for(lambda: self._running == 0, timeout)
        while self._last_seen + _QUIET_SECONDS > (now := time.monotonic()) and now < deadline:
            time.sleep(min(_QUIET_SECONDS / 5, deadline - now))
        return finished

    @contextmanager
    def admitted(self, call: Call) -> Iterator[None]:
        """Inside, the call is finished even if the server drains, however many requests it makes.

        Raises: Draining, if it does already.
        """
        if call.admitted:
            yield
            return
        with self._changed:
            self._last_seen = time.monotonic()
            if self._draining:
                raise Draining("the server is stopping: send the request to another one")
            self._running += 1
        call.admitted = True
        try:
            yield
        finally:
            call.admitted = False
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _note(self, model: LoadedModel, work: Work, stages: _Stages, call: Call) -> None:
        """Tell the metrics, the statistics and the caller what it took."""
        call.seconds = stages.seconds
        call.energy = total(call.energy, stages.account.so_far())
        self._observations.stages(*model.labels, stages.seconds)
        if work.led:
            self._observations.batch(*model.labels, work.batch_size)
        model.statistics.succeeded(work.rows, work.batch_size, work.led, stages.seconds)


def _priority(call: Call, model: LoadedModel) -> int:
    levels = model.batcher.settings.priority_levels
    return min(call.priority, levels) if call.priority > 0 else levels


def total(before: EnergyShare | None, now: EnergyShare | None) -> EnergyShare | None:
    """Of the many requests that a call may have; the last one's method stands for all."""
    if before is None or now is None:
        return now or before
    return replace(now, energy=Joules(before.energy + now.energy))


def _check_wanted(call: Call) -> None:
    if not call.wanted():
        raise Cancelled("the client has gone, or its deadline has passed")
