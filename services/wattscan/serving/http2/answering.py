"""A handler at work on a call, whatever of its two sides are streams."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

import grpc

from wattscan.serving.errors import Cancelled, RequestRefused
from wattscan.serving.http2.context import Aborted
from wattscan.serving.http2.messages import Message
from wattscan.serving.http2.stream import Handler, Stream

log = logging.getLogger(__name__)


def answer(stream: Stream) -> None:
    """Answer the call, with a status whatever happens inside."""
    try:
        _answer(stream, stream.handler)
    except Aborted:
        _end(stream)
    except Cancelled:
        pass  # nobody is there to be told
    except RequestRefused as refusal:
        stream.status, stream.text = refusal.status, str(refusal)
        _end(stream)
    except Exception as error:
        # The type only: the text may quote what a client sent.
        log.error("a method failed: %s", type(error).__name__)
        stream.status, stream.text = grpc.StatusCode.UNKNOWN, "the method failed"
        _end(stream)


def _answer(stream: Stream, handler: Handler) -> None:
    parse = _parser(handler.request_deserializer)
    write = handler.response_serializer or _as_is
    asked: Any
    behave: Any  # the stubs have it that each may be missing
    asked = stream.requests(parse) if handler.request_streaming else parse(stream.only_message())
    if not handler.response_streaming:
        behave = handler.stream_unary if handler.request_streaming else handler.unary_unary
        stream.finish(write(behave(asked, stream)))
        return
    behave = handler.stream_stream if handler.request_streaming else handler.unary_stream
    answers: Iterable[Any] = behave(asked, stream) or ()
    try:
        for each in answers:
            stream.send(write(each))
        stream.finish()
    finally:
        if hasattr(answers, "close"):
            answers.close()  # here, and not whenever it is collected


def _end(stream: Stream) -> None:
    with contextlib.suppress(Cancelled):
        stream.finish()


def _parser(deserializer: Callable[[bytes], Any] | None) -> Callable[[Message], Any]:
    if deserializer is None:
        return _as_is

    def parse(message: Message) -> Any:
        try:
            return deserializer(bytes(message))
        except Exception:
            raise _Unparsable("the request cannot be parsed") from None

    return parse


class _Unparsable(RequestRefused):
    status = grpc.StatusCode.INTERNAL


def _as_is(message: Any) -> Any:
    return message
