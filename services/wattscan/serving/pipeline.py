"""The way of a request: decode, preprocess, queue, infer, postprocess."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import numpy as np

from wattscan.contracts import (
    EnergyAccount,
    EnergyMeter,
    EnergyShare,
    Finding,
    Mask,
    Pixels,
    TaskKind,
)
from wattscan.serving.errors import Cancelled, Draining, RequestRefused
from wattscan.serving.models import Models, ServedModel, Turns
from wattscan.serving.observations import Observations

_QUIET_SECONDS = 0.3


@dataclass(frozen=True)
class ImageRequest:
    """A request in no protocol's terms. `timeout` is what is left of its deadline, in seconds."""

    task: str
    precision: str
    kind: TaskKind
    read_pixels: Callable[[], Pixels]
    timeout: float | None = None
    wanted: Callable[[], bool] = lambda: True
    """Whether somebody still waits for the answer."""


@dataclass(frozen=True)
class Answer:
    """The result, and what it took: stage -> seconds, and the energy as far as it is known."""

    model: ServedModel
    result: Mask | tuple[Finding, ...]
    seconds: dict[str, float]
    energy: EnergyShare | None


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


class Pipeline:
    """Answers requests, from any number of threads, until it is drained."""

    def __init__(
        self, models: Models, meter: EnergyMeter, observations: Observations, queue_limit: int
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

    def answer(self, request: ImageRequest) -> Answer:
        """The whole way of a request.

        Raises:
            RequestRefused, InvalidImage: with a text for the client.
        """
        with self._admitted():
            model = self.models.get(request.task, request.precision)
            if model.task.kind != request.kind:
                raise RequestRefused(_wrong_method(model))
            account = self._meter.open(request.task, request.precision)
            stages = _Stages(account)
            start = time.perf_counter()
            finished = False
            try:
                with stages.wait(self._decoding.wait(_left(request, start))):
                    _check_wanted(request)
                    with stages.stage("decode"):
                        pixels = request.read_pixels()
                    size = (pixels.shape[0], pixels.shape[1])
                    with stages.stage("preprocess"):
                        tensor = model.task.preprocess(pixels, model.card.normalisation)
                    del pixels  # may be large, and others wait
                with stages.wait(model.turns.wait(_left(request, start))):
                    _check_wanted(request)
                    with stages.stage("infer"):
                        logits = model.engine.infer(tensor[np.newaxis])[0]
                with stages.stage("postprocess"):
                    result = model.task.postprocess(logits, size)
                _check_wanted(request)
                finished = True
            finally:
                account.close(ok=finished)
            stages.seconds["total"] = time.perf_counter() - start
            self._observe(request, stages.seconds)
            return Answer(model, result, stages.seconds, account.so_far())

    def drain(self, timeout: float) -> bool:
        """Refuse new requests; wait for those that run, and until none has come for a moment, so
        that clients are told to go elsewhere before the port closes on them.

        Returns:
            Whether all requests have finished.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._draining = True
            self._last_seen = time.monotonic()
            finished = self._changed.wait_for(lambda: self._running == 0, timeout)
        while self._last_seen + _QUIET_SECONDS > (now := time.monotonic()) and now < deadline:
            time.sleep(min(_QUIET_SECONDS / 5, deadline - now))
        return finished

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        with self._changed:
            self._last_seen = time.monotonic()
            if self._draining:
                raise Draining("the server is stopping: send the request to another one")
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _observe(self, request: ImageRequest, seconds: dict[str, float]) -> None:
        for stage, duration in seconds.items():
            self._observations.stage(request.task, request.precision, stage, duration)
        self._observations.batch(request.task, request.precision, 1)


def _left(request: ImageRequest, start: float) -> float | None:
    if request.timeout is None:
        return None
    return request.timeout - (time.perf_counter() - start)


def _check_wanted(request: ImageRequest) -> None:
    if not request.wanted():
        raise Cancelled("the client has gone, or its deadline has passed")


def _wrong_method(model: ServedModel) -> str:
    method = "Segment" if model.task.kind == "segmentation" else "Classify"
    return f"{model.card.task} is a {model.task.kind}: call {method}"
