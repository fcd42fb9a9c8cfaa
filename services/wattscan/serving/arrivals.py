"""Messages on their way: they take memory and a thread before anything is known of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from wattscan.serving.errors import Cancelled, RequestRefused
from wattscan.serving.memory import Memory, short
from wattscan.units import Seconds

_ROOM_SECONDS = 1.0
"""That a call waits for memory: most messages are small, and come at once."""

_LOOK_SECONDS = 0.01
_COPIES = 2
"""Of a message: as it came, and as Python's bytes."""


@dataclass(frozen=True)
class _Coming:
    client: str
    since: float | None
    """None: a stream, whose next message may begin at any time."""


class Arrivals:
    """Calls whose message has not come yet: they hold a thread, and may do so for `timeout` only.

    A message of 64 MiB that comes at 10 Mbit/s takes 54 s. So many may come at a time as the memory
    that is left has room for, a half of them from one client: gRPC takes their bytes off the
    network when they are asked for. Thread-safe.
    """

    def __init__(
        self,
        timeout: Seconds,
        largest: int = 0,
        memory: Memory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`largest`: bytes of a message, for which `memory` must have room."""
        self._timeout = timeout
        self._largest = largest
        self._memory = memory
        self._clock = clock
        self._coming: dict[grpc.ServicerContext, _Coming] = {}
        self._lock = threading.Lock()

    def message(
        self, messages: Iterator[bytes], context: grpc.ServicerContext, client: str
    ) -> bytes:
        """The call's only message.

        Raises: Cancelled; MemoryShort; RequestRefused, where none comes.
        """
        with self._expected(context, _Coming(client, self._clock())):
            for data in arriving(messages):
                return data
        raise RequestRefused("the call has no message")

    def messages(
        self, messages: Iterator[bytes], context: grpc.ServicerContext, client: str
    ) -> Iterator[bytes]:
        """A stream's; room is kept for one of them while it is open. Raises: Cancelled;
        MemoryShort."""
        with self._expected(context, _Coming(client, None)):
            yield from arriving(messages)

    def over(self) -> None:
        """This thread's call has ended, and with it what its image took."""
        if self._memory is not None:
            self._memory.release()

    def look(self) -> None:
        """Cancel those that take too long."""
        due = self._clock() - self._timeout
        with self._lock:
            late = [
                context
                for context, coming in self._coming.items()
                if coming.since is not None and coming.since <= due
            ]
        for context in late:
            context.cancel()  # type: ignore[no-untyped-call]  # the stubs forget it

    def __len__(self) -> int:
        return len(self._coming)

    @contextmanager
    def _expected(self, context: grpc.ServicerContext, coming: _Coming) -> Iterator[None]:
        self._make_room(context, coming)
        try:
            yield
        finally:
            with self._lock:
                del self._coming[context]

    def _make_room(self, context: grpc.ServicerContext, coming: _Coming) -> None:
        """Raises: MemoryShort."""
        until = time.monotonic() + _ROOM_SECONDS
        while True:
            with self._lock:
                needed = self._needed(coming.client)
                left = None if self._memory is None else self._memory.left(needed)
                if left is None or left >= needed:
                    self._coming[context] = coming
                    return
            if time.monotonic() > until:
                raise short(left, needed)
            time.sleep(_LOOK_SECONDS)

    def _needed(self, client: str) -> int:
        """Bytes for all that are on their way and one more of this client's; twice as many as its
        own take, so that one client alone cannot fill the memory."""
        own = sum(coming.client == client for coming in self._coming.values())
        messages = max(len(self._coming) + 1, 2 * own + 1)
        return _COPIES * self._largest * messages


def arriving(messages: Iterator[bytes]) -> Iterator[bytes]:
    """A stream's messages. Raises: Cancelled, where it has been cut short."""
    try:
        yield from messages
    except grpc.RpcError as error:
        # gRPC keeps the error with the call, and the error its frames, which hold the call: it
        # would fill a place of its connection until Python happens to look for such circles.
        error.__traceback__ = None
        raise Cancelled("the client has gone, or its deadline has passed") from None
