"""One call of a client, in no protocol's terms: how long it waits, who it is, what it got."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from wattscan.contracts import EnergyShare
from wattscan.serving.repository.loaded import LoadedModel

# They are names, not secrets; to ask the system for each would cost a call of it.
_numbers = random.Random(secrets.randbits(128))  # noqa: S311


def new_request_id() -> str:
    """16 hexadecimal digits of our own: a client's words never reach a log."""
    return f"{_numbers.getrandbits(64):016x}"


@dataclass
class Call:
    """What the pipeline has to know of a caller, and what the caller is told afterwards.

    `deadline` is monotonic; `is_alive` tells whether somebody still waits; `on_end` has a function
    called when nobody does, and is False where that is so already; `admit` is asked for each
    message of a stream, and raises where the client may send no more; `priority` is 0 where the
    client names none.
    """

    protocol: str
    deadline: float | None = None
    is_alive: Callable[[], bool] = lambda: True
    on_end: Callable[[Callable[[], None]], object] = lambda _: None
    admit: Callable[[], None] = lambda: None
    priority: int = 0
    request_id: str = field(default_factory=new_request_id)
    trace_id: str = ""
    model: LoadedModel | None = None
    """Which one was found to be meant."""

    energy: EnergyShare | None = None
    """Of all requests of the call so far."""

    of_stream: bool = False
    """Whether it is one of the many requests of a stream."""

    admitted: bool = False
    """Whether the server has taken it, and finishes it."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Stage -> duration of the last request."""

    def part(self, on_end: Callable[[Callable[[], None]], object]) -> Call:
        """One request of a stream."""
        return replace(
            self,
            on_end=on_end,
            model=None,
            energy=None,
            of_stream=True,
            admitted=False,
            seconds={},
        )

    def left(self) -> float | None:
        """Seconds until the deadline, 0 at least; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, min(self.deadline - time.monotonic(), threading.TIMEOUT_MAX))

    def shorten(self, seconds: float) -> None:
        """The request itself asks for an answer within so many seconds."""
        asked = time.monotonic() + seconds
        self.deadline = asked if self.deadline is None else min(asked, self.deadline)

    @property
    def labels(self) -> tuple[str, str]:
        """Of its metrics: what is served, never what a client writes."""
        return self.model.labels if self.model else ("unknown", "unknown")
