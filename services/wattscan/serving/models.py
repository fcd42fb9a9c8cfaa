"""The models that a server has loaded, and whose turn it is to use each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattscan import plugins
from wattscan.artifacts import find_cards, model_file
from wattscan.contracts import Engine, ModelCard, ModelFile, Target, Task, Tensor, WattscanError
from wattscan.serving.errors import DeadlineExceeded, NotServed, QueueFull


class Turns:
    """Lets so many requests at a time (one, for an engine) go on, and bounds how many wait."""

    def __init__(self, limit: int, places: int = 1) -> None:
        self.waiting = 0
        self._limit = limit
        self._places = threading.BoundedSemaphore(places)
        self._count = threading.Lock()

    @contextmanager
    def wait(self, timeout: float | None) -> Iterator[None]:
        """Wait for a place, `timeout` seconds at most.

        Raises: QueueFull, DeadlineExceeded.
        """
        with self._count:
            if self.waiting >= self._limit:
                raise QueueFull(f"{self._limit} images wait already: try again later")
            self.waiting += 1
        try:
            taken = self._places.acquire(timeout=_seconds(timeout))
        finally:
            with self._count:
                self.waiting -= 1
        if not taken:
            raise DeadlineExceeded("the deadline passed while the request waited for its turn")
        try:
            yield
        finally:
            self._places.release()


def _seconds(timeout: float | None) -> float | None:
    """What a semaphore takes. gRPC tells of no deadline as one in a few centuries."""
    return None if timeout is None or timeout > threading.TIMEOUT_MAX else max(timeout, 0)


@dataclass(frozen=True)
class ServedModel:
    """A model, ready to answer."""

    card: ModelCard
    file: ModelFile
    task: Task
    engine: Engine
    turns: Turns


class Models:
    """What a server serves, by task and precision."""

    def __init__(self, served: list[ServedModel]) -> None:
        self._served: dict[tuple[str, str], ServedModel] = {
            (model.card.task, model.card.precision): model for model in served
        }

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._served.values())

    def get(self, task: str, precision: str) -> ServedModel:
        """The model of that task and precision. Raises: NotServed, naming what there is."""
        try:
            return self._served[task, precision]
        except KeyError:
            names = ", ".join(model.card.name for model in self)
            raise NotServed(
                f"no such task in this precision is served here; there is: {names}"
            ) from None

    def close(self) -> None:
        """Free the engines."""
        for model in self:
            model.engine.close()


def load_models(target: Target, folder: Path) -> Models:
    """Load every model of the folder into the target's backend, and run each once.

    Raises:
        WattscanError: a card, a file, the backend or a model is not as it should be.
    """
    return Models([_load(card, target) for card in find_cards(folder)])


def _load(card: ModelCard, target: Target) -> ServedModel:
    backend = plugins.backend(target.backend)
    task = plugins.task(card.task)
    file = model_file(card, backend.FORMAT)
    engine = backend.open_engine(file.path, target.backend_settings)
    _warm_up(engine, task, card)
    return ServedModel(card, file, task, engine, Turns(target.queue_limit))


def _warm_up(engine: Engine, task: Task, card: ModelCard) -> None:
    """The first inference allocates: no client should wait for it."""
    height, width, channels = task.input_shape
    blank: Tensor = np.zeros((1, height, width, channels), np.float32)
    expected = (1, height, width, 1) if task.kind == "segmentation" else (1, len(task.findings))
    try:
        logits = engine.infer(blank)
    except Exception as error:  # each runtime has its own
        raise WattscanError(f"{card.name} cannot run: {str(error).splitlines()[0]}") from None
    if logits.shape != expected:
        raise WattscanError(
            f"{card.name} answers with shape {logits.shape}; {card.task} needs {expected}"
        )
