"""How much of the server one client can hold."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import grpc

from wattscan.serving.errors import Cancelled, QueueFull, RequestRefused
from wattscan.serving.memory import Memory, short
from wattscan.serving.security.gate import authorization
from wattscan.serving.security.rates import RateLimit
from wattscan.serving.security.tokens import Tokens
from wattscan.units import Seconds

_RETRY_SECONDS = 0.1
_ROOM_SECONDS = 1.0
"""That a call waits for memory: most messages are small, and come at once."""

_LOOK_SECONDS = 0.01
_COPIES = 2
"""Of a message: as it came, and as Python's bytes."""


class Clients:
    """Who calls, how often, and how many calls of theirs are open.

    They are told apart by their tokens, where there are any; else by their addresses, so that all
    who come through one proxy are one. Thread-safe.
    """

    def __init__(
        self, most_calls: int, rate: RateLimit | None = None, tokens: Tokens | None = None
    ) -> None:
        """`most_calls`: of one client, open at a time."""
        self._most = most_calls
        self._rate = rate
        self._tokens = tokens
        self._open: Counter[str] = Counter()
        self._short = 0
        self._at_pause: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        """That are open, of all clients."""
        with self._lock:
            return self._open.total()

    def enter(self, context: grpc.ServicerContext, lasting: bool = False) -> None:
        """One call more; it counts until it is over, answered or not. `lasting`: it is a stream,
        which may be open and do nothing.

        Raises: RateExceeded; QueueFull, where too many of the client's are open.
        """
        name = self._name(context)
        if self._rate is not None and not lasting:  # of a stream, the messages count
            self._rate.check(name)
        with self._lock:
            if self._open[name] >= self._most:
                raise QueueFull(
                    f"{self._most} of this client's calls are open already, and that is the limit: "
                    f"try again in {_RETRY_SECONDS:g} s",
                    _RETRY_SECONDS,
                )
            self._open[name] += 1
            self._short += not lasting
        if not context.add_callback(partial(self._leave, name, lasting)):
            self._leave(name, lasting)  # it is over already

    def at_pause(self, act: Callable[[], None], patience: Seconds) -> None:
        """Have it done as soon as a call has ended and none but streams is open, or after so many
        seconds; returns when it is done."""
        done, once = threading.Event(), threading.Lock()

        def act_once() -> None:
            if once.acquire(blocking=False):
                act()
                done.set()

        with self._lock:
            self._at_pause = act_once
        if not done.wait(patience):
            act_once()
        done.wait()

    def check(self, context: grpc.ServicerContext) -> None:
        """One message more of an open stream.

        Raises: RateExceeded; Unauthenticated, for a token that is valid no more.
        """
        name = self._name(context)
        if self._rate is not None:
            self._rate.check(name)

    def _leave(self, name: str, lasting: bool) -> None:
        with self._lock:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
            self._short -= not lasting
            act = self._at_pause if not self._short else None
        if act is not None:
            act()

    def _name(self, context: grpc.ServicerContext) -> str:
        if self._tokens is None:
            return context.peer().rpartition(":")[0]
        header = authorization(context.invocation_metadata())
        return self._tokens.check(header, "infer").name


class Arrivals:
    """Calls whose message has not come yet: they hold a thread, and may do so for `patience` only.

    A message of 64 MiB that comes at 10 Mbit/s takes 54 s. So many may come at a time as the memory
    that is left has room for: gRPC takes their bytes off the network when they are asked for.
    """

    def __init__(
        self,
        patience: Seconds,
        largest: int,
        memory: Memory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`largest`: bytes of a message."""
        self._patience = patience
        self._largest = largest
        self._memory = memory
        self._clock = clock
        self._since: dict[grpc.ServicerContext, float] = {}
        self._lock = threading.Lock()

    def message(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """The call's only message.

        Raises: Cancelled; MemoryShort; RequestRefused, where none comes.
        """
        self._make_room(lambda: self._begin(context))
        try:
            for data in arriving(messages):
                return data
        finally:
            with self._lock:
                del self._since[context]
        raise RequestRefused("the call has no message")

    def messages(self, messages: Iterator[bytes]) -> Iterator[bytes]:
        """A stream's. Raises: Cancelled; MemoryShort."""
        coming = arriving(messages)
        while True:
            self._make_room(lambda: None)
            data = next(coming, None)
            if data is None:
                return
            yield data

    def over(self) -> None:
        """This thread's call has ended, and with it what its image took."""
        if self._memory is not None:
            self._memory.release()

    def _begin(self, context: grpc.ServicerContext) -> None:
        self._since[context] = self._clock()

    def _make_room(self, begin: Callable[[], None]) -> None:
        """Raises: MemoryShort."""
        until = time.monotonic() + _ROOM_SECONDS
        while True:
            with self._lock:
                needed = _COPIES * self._largest * (len(self._since) + 1)
                left = self._memory.left(needed) if self._memory is not None else None
                if left is None or left >= needed:
                    begin()
                    return
            if time.monotonic() > until:
                raise short(left, needed)
            time.sleep(_LOOK_SECONDS)

    def __len__(self) -> int:
        return len(self._since)

    def look(self) -> None:
        """Cancel those that take too long."""
        with self._lock:
            due = self._clock() - self._patience
            late = [context for context, since in self._since.items() if since <= due]
        for context in late:
            context.cancel()  # type: ignore[no-untyped-call]  # the stubs forget it


def arriving(messages: Iterator[bytes]) -> Iterator[bytes]:
    """A stream's messages. Raises: Cancelled, where it has been cut short."""
    try:
        yield from messages
    except grpc.RpcError as error:
        # gRPC keeps the error with the call, and the error its frames, which hold the call: it
        # would fill a place of its connection until Python happens to look for such circles.
        error.__traceback__ = None
        raise Cancelled("the client has gone, or its deadline has passed") from None
