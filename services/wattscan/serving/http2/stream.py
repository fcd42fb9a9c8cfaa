"""One call of a client: what it has sent, who is to know when it ends, what it is answered.

It is what handlers know as gRPC's context, with gRPC's names.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol

import grpc

from wattscan.serving.errors import Cancelled
from wattscan.serving.http2.headers import Head, Metadata
from wattscan.serving.http2.messages import Assembler, Broken, Message
from wattscan.units import Seconds


class Aborted(Exception):
    """A handler has ended its call with a status, which its stream knows."""


class Line(Protocol):
    """The connection of a stream, as the stream sees it."""

    peer: str

    def wait_for(self, stream: Stream) -> None:
        """Until a message of the stream has come, or none will."""
        ...

    def taken(self, stream: Stream, size: int) -> None:
        """A message of so many bytes has been taken in: there is room for more."""
        ...

    def send(self, stream: Stream, message: Message | None, last: bool) -> None:
        """A message, and with the last what ends the call. Raises: Cancelled."""
        ...


class Stream(grpc.ServicerContext):
    """A call, until it is answered or nobody waits for it any more."""

    def __init__(self, number: int, head: Head, line: Line, assembler: Assembler) -> None:
        self.number = number
        self.head = head
        self.assembler = assembler
        self.messages: deque[tuple[int, Callable[[], Message]]] = deque()
        """Those that have come and are not taken yet, with their sizes."""

        self.complete = False
        """Whether the client has sent all."""

        self.running = False
        """Whether a handler is at work on it."""

        self.window = 0
        self.credit = 0
        self.opened = False
        self.status, self.text = grpc.StatusCode.OK, ""
        self.trailing: Metadata = ()
        self.deadline = None if head.timeout is None else time.monotonic() + head.timeout
        self._line = line
        self._ending = threading.Lock()
        self._callbacks: list[Callable[[], None]] | None = []

    @property
    def over(self) -> bool:
        """Whether it is answered, or nobody waits for the answer any more."""
        return self._callbacks is None

    def leave(self) -> None:
        """It is over: tell whoever wants to know. Does nothing the second time."""
        with self._ending:
            callbacks, self._callbacks = self._callbacks or (), None
        for callback in callbacks:
            callback()

    def message(self) -> Message:
        """The next one. Raises: EOFError: the client sends no more; Cancelled; RequestRefused."""
        self._line.wait_for(self)
        if self.over:
            raise Cancelled("the call has ended")
        if not self.messages:
            raise EOFError
        size, message = self.messages.popleft()
        self._line.taken(self, size)
        return message()

    def only_message(self) -> Message:
        """That of a call with one. Raises: RequestRefused."""
        try:
            message = self.message()
        except EOFError:
            raise Broken("the request has no message") from None
        if self.messages:
            raise Broken("the request has more than one message")
        return message

    def requests(self, parse: Callable[[Message], Any]) -> Iterator[Any]:
        """Its messages as they come. Raises: Cancelled, RequestRefused."""
        while True:
            try:
                message = self.message()
            except EOFError:
                return
            yield parse(message)

    def send(self, message: Message) -> None:
        """One answer of several. Returns when it is on its way. Raises: Cancelled."""
        self._line.send(self, message, last=False)

    def finish(self, message: Message | None = None) -> None:
        """The last answer, if there is one, and the status. Raises: Cancelled."""
        self._line.send(self, message, last=True)

    # What gRPC's handlers call.

    def is_active(self) -> bool:
        return not self.over

    def time_remaining(self) -> Seconds | None:  # type: ignore[override]
        if self.deadline is None:
            return None
        return Seconds(max(0.0, self.deadline - time.monotonic()))

    def add_callback(self, callback: Callable[[], None]) -> bool:
        with self._ending:
            if self._callbacks is None:
                return False
            self._callbacks.append(callback)
        return True

    def cancel(self) -> None:
        self.leave()

    def invocation_metadata(self) -> Any:
        return self.head.metadata

    def peer(self) -> str:
        return self._line.peer

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Any:
        return self.trailing

    def set_code(self, code: grpc.StatusCode) -> None:
        self.status = code

    def set_details(self, details: str) -> None:
        self.text = details

    def code(self) -> grpc.StatusCode:
        return self.status

    def details(self) -> str:
        return self.text

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        self.status, self.text = code, details
        raise Aborted

    def abort_with_status(self, status: Any) -> NoReturn:
        self.trailing = tuple(status.trailing_metadata or ())
        self.abort(status.code, status.details)

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        raise NotImplementedError

    def peer_identities(self) -> None:
        return None

    def peer_identity_key(self) -> None:
        return None

    def auth_context(self) -> dict[str, Any]:
        return {}
