"""Checks a call's token before its message is read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import grpc

from wattscan.serving.call import new_request_id
from wattscan.serving.errors import RateExceeded, RequestRefused
from wattscan.serving.security.rates import RateLimit
from wattscan.serving.security.tokens import Role, Tokens

_HEALTH = "/grpc.health.v1.Health/"
_LINES_A_SECOND = 10.0

log = logging.getLogger(__name__)


class Gate(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Lets a call on to its method if its token has the role that the method needs.

    A method that no protocol names a role for needs `infer`; health is open, for probes.
    """

    def __init__(self, tokens: Tokens, roles: Mapping[str, Role]) -> None:
        self._tokens = tokens
        self._roles = roles
        # Strangers must not fill the log.
        self._lines = RateLimit(_LINES_A_SECOND)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's own handler, or one that refuses."""
        handler = continuation(details)
        if handler is None or details.method.startswith(_HEALTH):
            return handler
        role = self._roles.get(details.method, "infer")
        try:
            self._tokens.check(authorization(details.invocation_metadata or ()), role)
        except RequestRefused as refusal:
            request_id = new_request_id()
            self._tell(details.method, refusal, request_id)
            return _refuse(refusal, request_id)
        return handler

    def _tell(self, method: str, refusal: RequestRefused, request_id: str) -> None:
        """A line in the log. The method is one that there is, hence not of a client's choosing."""
        try:
            self._lines.check("")
        except RateExceeded:
            return
        code = refusal.status.name
        log.warning("%s %s", method[1:], code, extra={"request_id": request_id, "code": code})


def authorization(metadata: Iterable[tuple[str, object]]) -> str:
    """The first `authorization` header, or "": the one that counts, wherever clients are told
    apart."""
    for key, value in metadata:
        if key == "authorization" and isinstance(value, str):
            return value
    return ""


def _refuse(refusal: RequestRefused, request_id: str) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler that answers with the refusal. As one of streams it waits for no message, and
    clients of every kind understand it."""

    def abort(_messages: object, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("x-request-id", request_id),))
        context.abort(refusal.status, str(refusal))

    return grpc.stream_stream_rpc_method_handler(abort)
