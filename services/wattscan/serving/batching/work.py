"""A request's part in a batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wattscan.contracts import Array, EnergyAccount
from wattscan.serving.errors import Cancelled, DeadlineExceeded, RequestRefused


@dataclass(eq=False, slots=True)
class Work:
    """The tensors of one request, on their way through a model's queue.

    `inputs` have `rows` rows each along their first axis. `deadline` is monotonic; `is_alive` tells
    whether somebody still waits; priority 1 is served before 2.
    """

    inputs: Sequence[Array]
    rows: int
    account: EnergyAccount
    deadline: float | None = None
    is_alive: Callable[[], bool] = lambda: True
    priority: int = 1
    outputs: Sequence[Array] = ()
    error: Exception | None = None
    entered: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    batch_size: int = 0
    """Rows of the batch that it was computed in; 0: not computed."""

    led: bool = False
    """Whether it was the one of its batch that counts for all."""

    _asleep: threading.Lock = field(default_factory=threading.Lock)
    """Held unless it has been woken. A `threading.Event` costs many times as much to make."""

    def __post_init__(self) -> None:
        self._asleep.acquire()

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """What two requests must have in common to be computed together."""
        return tuple(array.shape[1:] for array in self.inputs)

    def refusal(self) -> RequestRefused | None:
        """Why it is not to be computed any more, if so."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return DeadlineExceeded("the deadline passed while the request waited for its turn")
        if not self.is_alive():
            return Cancelled("the client has gone, or its deadline has passed")
        return None

    def is_wanted(self) -> bool:
        """Whether it is to be computed; if not, it is told why."""
        refusal = self.refusal()
        if refusal is not None:
            self.fail(refusal)
        return refusal is None

    def wait(self) -> bool:
        """Sleep until it is woken, or its deadline passes: then False."""
        if self.deadline is None:
            return self._asleep.acquire()
        left = min(self.deadline - time.monotonic(), threading.TIMEOUT_MAX)
        return self._asleep.acquire(timeout=max(left, 0.0))

    def wake(self) -> None:
        """Something has happened to it: it leads, is finished, or was cancelled."""
        try:
            self._asleep.release()
        except RuntimeError:  # it is awake already
            return

    def fail(self, error: Exception) -> None:
        """It ends with that error."""
        self.error = error
        self.wake()


def count_rows(batch: Sequence[Work]) -> int:
    """Of all of them together."""
    return batch[0].rows if len(batch) == 1 else sum(work.rows for work in batch)
