"""What handlers know as gRPC's context: a call's ends, its metadata and its status."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

import grpc

from wattscan.serving.http2.headers import Head, Metadata
from wattscan.units import Seconds

_LONGEST_WAIT = Seconds(3600.0)
_SHORTEST_WAIT = Seconds(0.01)

log = logging.getLogger(__name__)


class Aborted(Exception):
    """A handler has ended its call with a status, which its context knows."""


class Context(grpc.ServicerContext):
    """A call, until it is answered or nobody waits for it any more. gRPC's names, gRPC's meanings;
    initial metadata cannot be sent."""

    def __init__(self, head: Head, peer: str) -> None:
        self.head = head
        self.status, self.text = grpc.StatusCode.OK, ""
        self.trailing: Metadata = ()
        self.deadline = None if head.timeout is None else time.monotonic() + head.timeout
        self._peer = peer
        self._ending = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self.over = False
        """Whether it is answered, or nobody waits for the answer any more."""

    def leave(self) -> None:
        """It is over: tell whoever wants to know. Does nothing the second time."""
        with self._ending:
            self.over = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception as error:  # the others are called all the same
                log.error("a callback failed: %s", type(error).__name__)

    def patience(self) -> Seconds:
        """How long to wait for what may come: until its deadline, of which another thread knows
        too, and may be late to tell."""
        left = self.time_remaining()
        return (
            _LONGEST_WAIT
            if left is None
            else Seconds(min(max(_SHORTEST_WAIT, left), _LONGEST_WAIT))
        )

    def is_active(self) -> bool:
        """Whether somebody waits for it."""
        return not self.over

    def time_remaining(self) -> Seconds | None:  # type: ignore[override]
        """Until its deadline; None without one."""
        if self.deadline is None:
            return None
        return Seconds(max(0.0, self.deadline - time.monotonic()))

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Have it called when nobody waits any more; False: that is so already."""
        with self._ending:
            if not self.over:
                self._callbacks.append(callback)
            return not self.over

    def invocation_metadata(self) -> Any:
        """What the client has sent."""
        return self.head.metadata

    def peer(self) -> str:
        """The client's address."""
        return self._peer

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """It goes out with the status."""
        self.trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """What was set."""
        return self.trailing

    def set_code(self, code: grpc.StatusCode) -> None:
        """The status, unless an exception makes it another one."""
        self.status = code

    def set_details(self, details: str) -> None:
        """The status's text."""
        self.text = details

    def code(self) -> grpc.StatusCode:
        """What was set."""
        return self.status

    def details(self) -> str:
        """What was set."""
        return self.text

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """End the call. Raises: Aborted."""
        self.status, self.text = code, details
        raise Aborted

    def abort_with_status(self, status: Any) -> NoReturn:
        """End the call. Raises: Aborted."""
        self.trailing = tuple(status.trailing_metadata or ())
        self.abort(status.code, status.details)

    def send_initial_metadata(self, initial_metadata: Any) -> NoReturn:
        """Raises: NotImplementedError."""
        raise NotImplementedError

    def peer_identities(self) -> None:
        """None: handlers are told of tokens, not of certificates."""

    def peer_identity_key(self) -> None:
        """None, too."""

    def auth_context(self) -> dict[str, Any]:
        """Empty, too."""
        return {}
