"""Checks of several requests: streams, and one that is not waited for."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import grpc
from client_options import Answer
from triton_asker import Asker
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

WAIT_SECONDS = 60
UNKNOWN_MODEL = "no-such-model"


def infer_async(asker: Asker) -> Answer:
    answers: queue.Queue[Any] = queue.Queue()
    asked = {**asker.asked(), **asker.common}
    call = asker.client.async_infer(
        callback=lambda result, error: answers.put((result, error)), **asked
    )
    if asker.options.cancel:
        call.cancel()
    result, error = answers.get(timeout=WAIT_SECONDS)
    if error is not None:
        raise error
    return asker.report(result)


def stream(asker: Asker) -> list[Answer]:
    """`--count` requests, those of `--bad-request` for an unknown model; the answers in order."""
    answers: queue.Queue[Any] = queue.Queue()
    asker.client.start_stream(
        lambda result, error: answers.put((result, error)),
        headers=asker.headers,
        stream_timeout=asker.options.client_timeout,
    )
    for asked in _numbered(asker):
        asker.client.async_stream_infer(**asked)
    asker.client.stop_stream()
    found = []
    while not answers.empty():
        result, error = answers.get()
        found.append(asker.report(result) if error is None else failed(error, "STREAM"))
    return found


def stream_messages(asker: Asker) -> list[Answer]:
    """The same by the client's stub, which also shows what comes beside an error."""
    requests = []
    for asked in _numbered(asker):
        requests.append(
            service_pb2.ModelInferRequest(
                model_name=asked["model_name"],
                id=asked["request_id"],
                inputs=[tensor._get_tensor() for tensor in asked["inputs"]],
                raw_input_contents=[tensor._get_content() for tensor in asked["inputs"]],
            )
        )
    answers = asker.client._client_stub.ModelStreamInfer(
        iter(requests),
        metadata=tuple(asker.headers.items()),
        timeout=asker.options.client_timeout or WAIT_SECONDS,
    )
    return [{"message": answer.error_message, "id": answer.infer_response.id} for answer in answers]


def _numbered(asker: Asker) -> Iterator[Answer]:
    for number in range(asker.options.count):
        asked = {**asker.asked(), "request_id": f"{asker.options.request_id}{number}"}
        if number in asker.options.bad_request:
            asked["model_name"] = UNKNOWN_MODEL
        yield asked


def failed(error: Exception, otherwise: str) -> Answer:
    if isinstance(error, InferenceServerException):
        status = error.status()
        name = status.removeprefix("StatusCode.") if status else otherwise
        return {"error": name, "message": error.message()}
    assert isinstance(error, grpc.Call)
    return {"error": error.code().name, "message": error.details()}
