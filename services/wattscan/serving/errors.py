"""What can be wrong with a request, and the gRPC status that says so."""

from __future__ import annotations

import math

import grpc

from wattscan.contracts import InvalidImage, WattscanError


class RequestRefused(WattscanError):
    """The request is not as it should be; the text says what is wrong."""

    status = grpc.StatusCode.INVALID_ARGUMENT


class NotServed(RequestRefused):
    """No such model here."""

    status = grpc.StatusCode.NOT_FOUND


class NoSuchSignature(RequestRefused):
    """TensorFlow Serving: a signature that the model does not have."""

    status = grpc.StatusCode.FAILED_PRECONDITION


class NotOffered(RequestRefused):
    """A part of a protocol that this server does not have."""

    status = grpc.StatusCode.UNIMPLEMENTED


class Retryable(RequestRefused):
    """It may work later; `retry_after` is a guess at when, in seconds."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class QueueFull(Retryable):
    """Too many wait already."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class MemoryShort(Retryable):
    """The server's memory is nearly full."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class RateExceeded(Retryable):
    """This client sends more than it may."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class Hanging(RequestRefused):
    """The model's engine does not come back."""

    status = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(RequestRefused):
    """The client's deadline passed before the work began."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED


class Cancelled(RequestRefused):
    """Nobody waits for the answer any more."""

    status = grpc.StatusCode.CANCELLED


class Draining(RequestRefused):
    """The server is stopping."""

    status = grpc.StatusCode.UNAVAILABLE


class Unauthenticated(RequestRefused):
    """No token, or one that is not known."""

    status = grpc.StatusCode.UNAUTHENTICATED


class Forbidden(RequestRefused):
    """The token's role does not allow the call."""

    status = grpc.StatusCode.PERMISSION_DENIED


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """The status and the text that the client gets. A bug's text stays in the server's log."""
    if isinstance(error, RequestRefused):
        return error.status, str(error)
    if isinstance(error, InvalidImage):
        return grpc.StatusCode.INVALID_ARGUMENT, str(error)
    return grpc.StatusCode.INTERNAL, "the server failed on this request; its log says where"


def retry_hint(error: Exception) -> tuple[tuple[str, str], ...]:
    """Trailing metadata that say when to come again, where the error knows it: gRPC's own retry
    hint, which its clients heed (its proposal A6)."""
    if not isinstance(error, Retryable):
        return ()
    return (("grpc-retry-pushback-ms", str(math.ceil(error.retry_after * 1000))),)
