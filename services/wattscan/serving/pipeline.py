"""The way of a request: decode, preprocess, queue, infer, postprocess."""

from __future__ import annotations

import os
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeVar

import numpy as np

from wattscan.contracts import UNKNOWN_ENERGY, Array, EnergyMeter, EnergyShare
from wattscan.serving.batching.work import Work
from wattscan.serving.call import Call
from wattscan.serving.decode_limiter import DecodeLimiter
from wattscan.serving.errors import Cancelled, Draining
from wattscan.serving.jobs import Job
from wattscan.serving.observations import Answered, Observations
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.repository.repository import Repository
from wattscan.serving.stages import Stages
from wattscan.units import Joules

_Result = TypeVar("_Result")


class Pipeline:
    """Answers requests, from any number of threads."""

    def __init__(
        self, models: Repository, meter: EnergyMeter, observations: Observations, queue_limit: int
    ) -> None:
        self.models = models
        self._meter = meter
        self._observations = observations
        # A decoded image may be thousands of times its file: only so many at once.
        self._decoding = DecodeLimiter(queue_limit, places=os.cpu_count() or 1)
        self._running = 0
        self._draining = False
        self._lock = threading.Lock()

    @property
    def draining(self) -> bool:
        """Whether the server is stopping."""
        return self._draining

    @property
    def running(self) -> int:
        """Requests that are not answered."""
        return self._running

    def answer(self, name: str, version: int | None, job: Job[_Result], call: Call) -> _Result:
        """The whole way of a request to a model; `version` None is the newest.

        Raises:
            RequestRefused, InvalidImage: with a text for the client.
        """
        with self.admitted(call), self.models.lease(name, version) as model:
            call.model = model
            stages = Stages(self._meter.open(*model.labels))
            try:
                work = self._work(model, job, stages, call)
                outputs = model.batcher.run(work)
                stages.queued(work.started - work.entered)
                stages.seconds["infer"] = work.finished - work.started
                stages.begin("postprocess")
                result = job.result(model, outputs)
                stages.end()
                _check_alive(call)
            except BaseException:
                stages.close(ok=False)
                model.statistics.failed(stages.seconds["total"])
                raise
            call.energy = total(call.energy, stages.close(ok=True))
            call.seconds = stages.seconds
            self._note(model, work, call)
            return result

    def _work(self, model: LoadedModel, job: Job[_Result], stages: Stages, call: Call) -> Work:
        """The request's tensors, made in its turn where that needs much memory."""
        if job.decodes:
            since = time.monotonic()
            with self._decoding.wait(call.left()):
                stages.queued(time.monotonic() - since)
                _check_alive(call)
                inputs, rows = job.inputs(model, stages)
        else:
            inputs, rows = job.inputs(model, stages)
        priority = _priority(call, model)
        work = Work(inputs, rows, stages.account, call.deadline, call.is_alive, priority)
        if call.on_end(work.wake) is False:
            work.wake()  # it has ended already: nobody would wake it
        return work

    def _note(self, model: LoadedModel, work: Work, call: Call) -> None:
        """Tell the metrics and the statistics what it took."""
        positive = positive_share(work.outputs[0]) * work.rows if model.clinical else None
        batch = work.batch_size if work.led else 0
        self._observations.computed(
            Answered(model.labels, call.seconds, batch, work.rows, positive, call.trace_id)
        )
        model.statistics.succeeded(work.rows, work.batch_size, work.led, call.seconds)

    def end_streams(self) -> None:
        """From now on what comes over an open stream is told to go elsewhere. Calls that have come
        are answered: the transport lets no new ones in."""
        with self._lock:
            self._draining = True

    def admitted(self, call: Call) -> AbstractContextManager[None]:
        """Inside, the call is finished even if the server drains, however many requests it makes.

        Raises: Draining, if it does already, and the call is one of a stream.
        """
        if call.admitted:
            return nullcontext()
        with self._lock:
            if self._draining and call.of_stream:
                raise Draining("the server is stopping: send the request to another one")
            self._running += 1
        call.admitted = True
        return _Admitted(self, call)

    def release(self, call: Call) -> None:
        """The call is finished."""
        call.admitted = False
        with self._lock:
            self._running -= 1


class _Admitted:
    """A call that the pipeline has let in."""

    def __init__(self, pipeline: Pipeline, call: Call) -> None:
        self._pipeline = pipeline
        self._call = call

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._pipeline.release(self._call)


def _priority(call: Call, model: LoadedModel) -> int:
    levels = model.batcher.settings.priority_levels
    return min(call.priority, levels) if call.priority > 0 else levels


def total(before: EnergyShare | None, now: EnergyShare | None) -> EnergyShare | None:
    """Of the many requests that a call may have; the last one's method stands for all, and where
    one is unknown, so is the sum."""
    if before is None or now is None:
        return now or before
    if before.energy is None or now.energy is None:
        return UNKNOWN_ENERGY
    return replace(now, energy=Joules(before.energy + now.energy))


def positive_share(logits: Array) -> float:
    """How many of them stand for a probability above one half, 0 to 1; 0 of none."""
    return np.count_nonzero(logits > 0) / max(1, logits.size)


def _check_alive(call: Call) -> None:
    if not call.is_alive():
        raise Cancelled("the client has gone, or its deadline has passed")
