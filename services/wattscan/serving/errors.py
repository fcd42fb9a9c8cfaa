"""What can be wrong with a request, and the gRPC status that says so."""

from __future__ import annotations

import grpc

from wattscan.contracts import InvalidImage, WattscanError


class RequestRefused(WattscanError):
    """A request that is answered with `status` and the error's text."""

    status = grpc.StatusCode.INVALID_ARGUMENT


class NotServed(RequestRefused):
    """No such model here."""

    status = grpc.StatusCode.NOT_FOUND


class QueueFull(RequestRefused):
    """Too many wait already."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class DeadlineExceeded(RequestRefused):
    """The client's deadline passed before the work began."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED


class Cancelled(RequestRefused):
    """Nobody waits for the answer any more."""

    status = grpc.StatusCode.CANCELLED


class Draining(RequestRefused):
    """The server is stopping."""

    status = grpc.StatusCode.UNAVAILABLE


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """The status and the text that the client gets. A bug's text stays in the server's log."""
    if isinstance(error, RequestRefused):
        return error.status, str(error)
    if isinstance(error, InvalidImage):
        return grpc.StatusCode.INVALID_ARGUMENT, str(error)
    return grpc.StatusCode.INTERNAL, "the server failed on this request; its log says where"
