"""One call of a client, with the messages that it has sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import grpc

from wattscan.serving.http2.context import Context
from wattscan.serving.http2.headers import Head
from wattscan.serving.http2.messages import Answer, Assembler, Broken, Message, Received

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

WINDOW = 1024 * 1024
"""Bytes that a client may send ahead. A larger message is given room for as soon as it begins."""


class Line(Protocol):
    """A connection, as its streams see it."""

    peer: str

    def next(self, stream: Stream) -> Received | None:
        """The next message, when it has come; None: the client sends no more. Raises: Cancelled."""
        ...

    def send(self, stream: Stream, message: Answer | None, last: bool) -> None:
        """A message, and with the last what ends the call. Raises: Cancelled."""
        ...

    def done(self, stream: Stream) -> None:
        """Its handler is, or will never begin."""
        ...

    def reset(self, stream: Stream) -> None:
        """End it without an answer."""
        ...


class Stream(Context):
    """A call. What is not private is its connection's, and guarded by that one's lock."""

    def __init__(self, number: int, head: Head, handler: Handler, line: Line, largest: int) -> None:
        super().__init__(head, line.peer)
        self.number = number
        self.handler = handler
        self.begun = self.running = False
        """Whether its handler has begun; and whether it is not done, then."""

        self.counts = True
        """Among the calls that a client may have at once."""

        self.assembler = Assembler(largest, head.encoding)
        self.complete = False
        """Whether the client has sent all."""

        self.window = 0
        """Bytes that may be sent to the client."""

        self.opened = False
        """Whether anything has been."""

        self._single = not handler.request_streaming
        self._count = 0  # messages that have begun
        self._credit = WINDOW  # bytes that the client may send
        self._messages: deque[Received] = deque()
        self._waiting = 0  # bytes of these
        self._line = line

    # For its connection.

    def received(self, size: int) -> bool:
        """So many bytes of a DATA frame; False: the client may not send as many."""
        self._credit -= size
        return self._credit >= 0

    def begins(self) -> None:
        """Another message does. Raises: Broken: it is one too many."""
        if self._single and self._count:
            raise Broken("the request has more than one message")
        self._count += 1

    def arrived(self, message: Received) -> None:
        """It is whole."""
        self._messages.append(message)
        self._waiting += len(message.data)

    @property
    def ready(self) -> bool:
        """Whether a message waits, or none will come."""
        return bool(self._messages) or self.complete

    def take(self) -> Received | None:
        """The first message that waits, if one does."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._waiting -= len(message.data)
        return message

    def widened(self, missing: int) -> int:
        """How much more the client may send, so that a message of which so many bytes are missing
        can come."""
        by = max(0, missing - self._credit)
        self._credit += by
        return by

    def given_back(self) -> int:
        """How much more the client may send, since messages have been taken."""
        by = WINDOW - self._credit - self._waiting
        if by < WINDOW // 2:
            return 0
        self._credit += by
        return by

    # For its handler.

    def cancel(self) -> None:
        """End it without an answer."""
        self._line.reset(self)

    def only_message(self) -> Message:
        """That of a call with one. Raises: Cancelled, RequestRefused."""
        try:
            return self._message()
        except EOFError:
            raise Broken("the request has no message") from None

    def requests(self, parse: Callable[[Message], Any]) -> Iterator[Any]:
        """Its messages as they come. Raises: Cancelled, RequestRefused."""
        while True:
            try:
                message = self._message()
            except EOFError:
                return
            yield parse(message)

    def send(self, message: Answer) -> None:
        """One answer of several. Returns when it is on its way. Raises: Cancelled."""
        self._line.send(self, message, last=False)

    def finish(self, message: Answer | None = None) -> None:
        """The last answer, if there is one, and the status. Raises: Cancelled."""
        self._line.send(self, message, last=True)

    def done(self) -> None:
        """Its handler is, or will never begin."""
        self._line.done(self)

    def _message(self) -> Message:
        """The next one. Raises: EOFError: the client sends no more; Cancelled; RequestRefused."""
        received = self._line.next(self)
        if received is None:
            raise EOFError
        return self.assembler.opened(received)
