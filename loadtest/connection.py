"""Channels to the service: ready-made bytes out, bytes in."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from wattscan.addresses import grpc_proxy_told
from wattscan.client.connection import Tls, metadata, options, target

TIMEOUT_SECONDS = 30.0
"""Of one request."""

# A service that is back is found within so long.
_RECONNECT = [("grpc.min_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 1000)]


@dataclass(frozen=True)
class Answer:
    """What came back. `status` is gRPC's, `OK` where the request was answered."""

    seconds: float
    length: int
    status: str = "OK"
    sentence: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is an answer."""
        return self.status == "OK"


class Connection:
    """Several channels, asked in turn. `fire` is told of every call, as Locust's statistics are."""

    def __init__(
        self,
        address: str,
        clients: int = 1,
        tls: Tls | None = None,
        token: str | None = None,
        fire: Callable[..., None] = lambda **_: None,
    ) -> None:
        """Raises: WattscanError: the address, a certificate or the token is wrong."""
        self.address = address
        self._metadata = metadata(address, token, tls)
        self._fire = fire
        # Each has a socket of its own: gRPC would share one among equal channels.
        each = [*options(address, 1), *_RECONNECT, ("grpc.use_local_subchannel_pool", 1)]
        self._channels = [
            grpc.insecure_channel(target(address), options=each)
            if tls is None
            else grpc.secure_channel(target(address), tls.credentials(), options=each)
            for _ in range(clients)
        ]
        self._calls: dict[str, itertools.cycle[Any]] = {}

    def ask(self, method: str, request: bytes) -> bytes:
        """One call, whose answer is wanted. Raises: grpc.RpcError."""
        answer: bytes = next(self._of(method))(
            request, timeout=TIMEOUT_SECONDS, metadata=self._metadata
        )
        return answer

    def send(self, method: str, request: bytes, name: str) -> Answer:
        """One query's request; what comes back is told to Locust's statistics by that name."""
        start = time.perf_counter()
        try:
            length = len(self.ask(method, request))
        except grpc.RpcError as error:
            call: Any = error  # grpc's errors are calls, which its types do not say
            answer = Answer(
                *(time.perf_counter() - start, 0, call.code().name, call.details() or "")
            )
            self._tell(name, answer, error)
        else:
            answer = Answer(time.perf_counter() - start, length)
            self._tell(name, answer, None)
        return answer

    def is_there(self, seconds: float) -> bool:
        """Whether the service can be reached, waiting for it that long."""
        try:
            grpc.channel_ready_future(self._channels[0]).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            return False
        return True

    def close(self) -> None:
        """Every channel."""
        for channel in self._channels:
            channel.close()

    def _of(self, method: str) -> itertools.cycle[Any]:
        if method not in self._calls:
            # Bytes in, bytes out: a generator should not spend its time on parsing.
            calls = [
                channel.unary_unary(method, request_serializer=None, response_deserializer=None)
                for channel in self._channels
            ]
            self._calls[method] = itertools.cycle(calls)
        return self._calls[method]

    def _tell(self, name: str, answer: Answer, error: Exception | None) -> None:
        self._fire(
            request_type="grpc",
            name=name,
            response_time=answer.seconds * 1000,
            response_length=answer.length,
            exception=error,
            context={},
        )


def told(address: str, error: grpc.RpcError) -> str:
    """A sentence about a call that failed before the run."""
    call: Any = error
    if call.code() is grpc.StatusCode.UNAVAILABLE:
        return f"the server at {address} does not answer{grpc_proxy_told(address)}: UNAVAILABLE"
    if call.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the server at {address} does not answer within {TIMEOUT_SECONDS:g} s"
    return f"the server at {address} refuses: {call.code().name}: {call.details()}"
