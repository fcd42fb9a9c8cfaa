"""How much of the server one client can hold."""

from __future__ import annotations

import threading
import time
from collections import Counter
from functools import partial

import grpc

from wattscan.serving.errors import QueueFull, RequestRefused
from wattscan.serving.security.gate import authorization
from wattscan.serving.security.rates import RateLimit
from wattscan.serving.security.tokens import Tokens
from wattscan.units import Seconds

_RETRY_SECONDS = 0.1
_CALLS_PER_STREAM = 4
"""Of a client's calls, one in four may be a stream: a stream may be open and do nothing."""


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
        self._most_streams = max(1, most_calls // _CALLS_PER_STREAM)
        # The server's threads are for two clients: a half of them is kept from streams.
        self._all_streams = most_calls
        self._rate = rate
        self._tokens = tokens
        self._open: Counter[str] = Counter()
        self._streams: dict[grpc.ServicerContext, str] = {}
        self._entered = 0.0
        self._released = threading.Event()
        self._released.set()
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        """That are open, of all clients."""
        with self._lock:
            return self._open.total()

    @property
    def short_calls(self) -> int:
        """Those of them that are no streams: their messages come, or their answers go out."""
        with self._lock:
            return self._open.total() - len(self._streams)

    def enter(self, context: grpc.ServicerContext, stream: bool = False) -> str:
        """One call more; it counts until it is over, answered or not. Returns whose it is.

        Raises: RateExceeded; QueueFull, where too many of the client's are open, or too many
        streams; Unauthenticated.
        """
        name = self._name(context)
        if self._rate is not None and not stream:  # of a stream, the messages count
            self._rate.check(name)
        with self._lock:
            if self._open[name] >= self._most:
                raise _full(self._most, "of this client's calls")
            if stream:
                self._check_streams(name)
                self._streams[context] = name
            self._open[name] += 1
            self._entered = time.monotonic()
        if not context.add_callback(partial(self._leave, context, name)):
            self._leave(context, name)  # it is over already
        return name

    def check(self, context: grpc.ServicerContext) -> None:
        """One message more of an open stream.

        Raises: RateExceeded; Unauthenticated, for a token that is valid no more.
        """
        name = self._name(context)
        if self._rate is not None:
            self._rate.check(name)

    def end_revoked(self) -> None:
        """End the streams whose token is valid no more."""
        with self._lock:
            streams = list(self._streams) if self._tokens is not None else []
        for context in streams:
            try:
                self._name(context)
            except RequestRefused:
                context.cancel()  # type: ignore[no-untyped-call]  # the stubs forget it

    def hold(self, quiet: Seconds, timeout: Seconds) -> None:
        """Keep back the answers of all calls but streams, until `release`; returns when no call has
        come for `quiet` seconds (all who send one after another wait for their answers then), or
        after `timeout`."""
        self._released.clear()
        self._entered = now = time.monotonic()
        end = now + timeout
        while now < end and now - self._entered < quiet:
            time.sleep(quiet / 5)
            now = time.monotonic()

    def release(self) -> None:
        """Let the answers go."""
        self._released.set()

    def await_release(self) -> None:
        """Returns when an answer may go."""
        self._released.wait()

    def _check_streams(self, name: str) -> None:
        if sum(each == name for each in self._streams.values()) >= self._most_streams:
            raise _full(self._most_streams, "of this client's streams")
        if len(self._streams) >= self._all_streams:
            raise _full(self._all_streams, "streams")

    def _leave(self, context: grpc.ServicerContext, name: str) -> None:
        with self._lock:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
            self._streams.pop(context, None)

    def _name(self, context: grpc.ServicerContext) -> str:
        if self._tokens is None:
            return context.peer().rpartition(":")[0]
        header = authorization(context.invocation_metadata())
        return self._tokens.check(header, "infer").name


def _full(count: int, what: str) -> QueueFull:
    return QueueFull(
        f"{count} {what} are open already, and that is the limit: try again in "
        f"{_RETRY_SECONDS:g} s",
        _RETRY_SECONDS,
    )
