"""Asks a server through the stock Triton client, and prints what came as one JSON object.

Run by the Python of `requirements-triton.txt`, as a child of a test:

    triton_client.py HOST:PORT --check live --check infer --model tiny --input image=image.npy

Of each check: its result, or `{"error": status, "message": text}`; the status is gRPC's name of it,
`CLIENT` where the client itself refused, and `STREAM` where a stream carried the error.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from client_options import Answer, add_tls_options, print_answers
from tritonclient.grpc import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
    service_pb2,
)
from tritonclient.utils import (
    InferenceServerException,
    np_to_triton_dtype,
    shared_memory,
    triton_to_np_dtype,
)

WAIT_SECONDS = 60
UNKNOWN_MODEL = "no-such-model"
TYPED_FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class Asker:
    """A client, and what the command line says to ask it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.headers = dict(pair.split("=", 1) for pair in options.header)
        self.common = {"headers": self.headers, "client_timeout": options.client_timeout}
        self.arrays = dict(_read_inputs(options))
        self.client = InferenceServerClient(
            options.server,
            ssl=options.root_certificates is not None,
            root_certificates=options.root_certificates,
            private_key=options.private_key,
            certificate_chain=options.certificate_chain,
        )

    def inputs(self) -> list[InferInput]:
        found = []
        for name, array in self.arrays.items():
            tensor = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            found.append(tensor.set_data_from_numpy(array))
        return found

    def outputs(self) -> list[InferRequestedOutput] | None:
        names, classes = self.options.output_name, self.options.classes
        return [InferRequestedOutput(name, class_count=classes) for name in names] or None

    def asked(self) -> Answer:
        """The keyword arguments that the client's three ways to infer have in common."""
        options = self.options
        return {
            "model_name": options.model,
            "model_version": options.model_version,
            "inputs": self.inputs(),
            "outputs": self.outputs(),
            "request_id": options.request_id,
            "priority": options.priority,
            "timeout": options.timeout_microseconds,
            "parameters": {key: _value(text) for key, text in map(_pair, options.parameter)},
        }

    def report(self, result: InferResult) -> Answer:
        """The response without its elements, which go to `--output`; strings stay here."""
        response = result.get_response()
        answer = {
            "id": response.id,
            "model_name": response.model_name,
            "model_version": response.model_version,
            "parameters": _parameters(response.parameters),
            "raw_outputs": len(response.raw_output_contents),
            "outputs": [_described(output) for output in response.outputs],
        }
        if response.outputs:
            array = result.as_numpy(response.outputs[0].name)
            if array.dtype == np.object_:
                answer["strings"] = [item.decode() for item in array.ravel()]
            else:
                self.save(array)
        return answer

    def save(self, array: np.ndarray) -> None:
        if self.options.output is not None:
            np.save(self.options.output, array)


def live(asker: Asker) -> bool:
    return asker.client.is_server_live(**asker.common)


def ready(asker: Asker) -> bool:
    return asker.client.is_server_ready(**asker.common)


def model_ready(asker: Asker) -> bool:
    options = asker.options
    return asker.client.is_model_ready(options.model, options.model_version, **asker.common)


def server_metadata(asker: Asker) -> Answer:
    return asker.client.get_server_metadata(as_json=True, **asker.common)


def _about_model(method: str) -> Callable[[Asker], Answer]:
    def ask(asker: Asker) -> Answer:
        which = (asker.options.model, asker.options.model_version)
        return getattr(asker.client, method)(*which, as_json=True, **asker.common)

    return ask


def infer(asker: Asker) -> Answer:
    compression = asker.options.compression
    asked = {**asker.asked(), **asker.common, "compression_algorithm": compression}
    return asker.report(asker.client.infer(**asked))


def infer_typed_contents(asker: Asker) -> Answer:
    """The elements in the fields of their types; the client has no method that sends them so."""
    request = service_pb2.ModelInferRequest(
        model_name=asker.options.model, model_version=asker.options.model_version
    )
    for name, array in asker.arrays.items():
        datatype = np_to_triton_dtype(array.dtype)
        tensor = request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        getattr(tensor.contents, TYPED_FIELDS[datatype]).extend(array.ravel().tolist())
    response = asker.client._client_stub.ModelInfer(
        request, metadata=tuple(asker.headers.items()), timeout=asker.options.client_timeout
    )
    if response.raw_output_contents:
        return asker.report(InferResult(response))
    output = response.outputs[0]
    elements = getattr(output.contents, TYPED_FIELDS[output.datatype])
    asker.save(np.array(elements, triton_to_np_dtype(output.datatype)).reshape(output.shape))
    return {"raw_outputs": 0, "outputs": [_described(output) for output in response.outputs]}


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
        found.append(asker.report(result) if error is None else _failed(error, "STREAM"))
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


def repository_index(asker: Asker) -> Answer:
    return asker.client.get_model_repository_index(as_json=True, **asker.common)


def load(asker: Asker) -> bool:
    asker.client.load_model(asker.options.model, config=asker.options.config, **asker.common)
    return True


def unload(asker: Asker) -> bool:
    asker.client.unload_model(asker.options.model, **asker.common)
    return True


def shared(asker: Asker) -> Answer:
    """The first input and the first output in shared memory, against the same sent raw."""
    plain = asker.client.infer(**asker.asked(), **asker.common)
    output = plain.get_response().outputs[0]
    expected = plain.as_numpy(output.name)
    (name, array), *_ = asker.arrays.items()
    regions, places = {}, {"input": array.nbytes, "output": expected.nbytes}
    try:
        for place, size in places.items():
            key = f"wattscan_{os.getpid()}_{place}"
            regions[place] = shared_memory.create_shared_memory_region(place, key, size)
            asker.client.register_system_shared_memory(place, key, size, **asker.common)
        shared_memory.set_shared_memory_region(regions["input"], [array])
        status = asker.client.get_system_shared_memory_status(as_json=True, **asker.common)
        sent = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        sent.set_shared_memory("input", array.nbytes)
        wanted = InferRequestedOutput(output.name)
        wanted.set_shared_memory("output", expected.nbytes)
        asked = {**asker.asked(), "inputs": [sent], "outputs": [wanted]}
        result = asker.client.infer(**asked, **asker.common)
        came = result.get_output(output.name)
        dtype = triton_to_np_dtype(came.datatype)
        view = shared_memory.get_contents_as_numpy(regions["output"], dtype, list(came.shape))
        equal = bool(np.array_equal(view, expected))
        asker.save(view)
        del view  # The region cannot be closed while an array lies on it.
        raw_bytes = sum(map(len, result.get_response().raw_output_contents))
        for place in places:
            asker.client.unregister_system_shared_memory(place, **asker.common)
        after = asker.client.get_system_shared_memory_status(as_json=True, **asker.common)
    finally:
        for region in regions.values():
            shared_memory.destroy_shared_memory_region(region)
    return {
        "status": status,
        "status_after": after,
        "equal": equal,
        "raw_bytes": raw_bytes,
        "output": _described(came),
    }


def trace_settings(asker: Asker) -> Answer:
    return asker.client.get_trace_settings(as_json=True, **asker.common)


def log_settings(asker: Asker) -> Answer:
    return asker.client.get_log_settings(as_json=True, **asker.common)


CHECKS: dict[str, Callable[[Asker], Any]] = {
    "live": live,
    "ready": ready,
    "model_ready": model_ready,
    "server_metadata": server_metadata,
    "model_metadata": _about_model("get_model_metadata"),
    "model_config": _about_model("get_model_config"),
    "statistics": _about_model("get_inference_statistics"),
    "infer": infer,
    "infer_typed_contents": infer_typed_contents,
    "infer_async": infer_async,
    "stream": stream,
    "stream_messages": stream_messages,
    "repository_index": repository_index,
    "load": load,
    "unload": unload,
    "shared_memory": shared,
    "trace_settings": trace_settings,
    "log_settings": log_settings,
}


def _described(output: Any) -> Answer:
    return {
        "name": output.name,
        "datatype": output.datatype,
        "shape": list(output.shape),
        "parameters": _parameters(output.parameters),
    }


def _parameters(parameters: Any) -> Answer:
    """Key -> choice -> value, such as `{"priority": {"uint64_param": 2}}`."""
    return {
        key: {field.name: value for field, value in parameter.ListFields()}
        for key, parameter in parameters.items()
    }


def _failed(error: Exception, otherwise: str) -> Answer:
    if isinstance(error, InferenceServerException):
        status = error.status()
        name = status.removeprefix("StatusCode.") if status else otherwise
        return {"error": name, "message": error.message()}
    assert isinstance(error, grpc.Call)
    return {"error": error.code().name, "message": error.details()}


def _read_inputs(options: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    for name, path in map(_pair, options.input):
        yield name, np.load(path)
    for name, path in map(_pair, options.input_file):
        yield name, np.array([Path(path).read_bytes()], np.object_)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _value(text: str) -> Any:
    """JSON where it is JSON, so that 1, 1.5 and true have their types."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", metavar="HOST:PORT")
    parser.add_argument("--check", action="append", required=True, choices=CHECKS)
    parser.add_argument("--model", default="")
    parser.add_argument("--model-version", default="")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=NPY")
    parser.add_argument("--input-file", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--output", metavar="NPY", help="where the first output goes")
    parser.add_argument("--output-name", action="append", default=[])
    parser.add_argument("--classes", type=int, default=0, help="the classification extension")
    parser.add_argument("--request-id", default="")
    parser.add_argument("--priority", type=int, default=0)
    parser.add_argument("--timeout-microseconds", type=int)
    parser.add_argument("--parameter", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--compression", choices=("gzip", "deflate"))
    parser.add_argument("--cancel", action="store_true", help="infer_async: at once")
    parser.add_argument("--count", type=int, default=3, help="requests of a stream")
    parser.add_argument("--bad-request", type=int, action="append", default=[], metavar="NUMBER")
    parser.add_argument("--config", help="load: the model's configuration, JSON")
    parser.add_argument("--header", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--client-timeout", type=float, metavar="SECONDS")
    add_tls_options(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    asker = Asker(options)
    errors = (InferenceServerException, grpc.RpcError)
    print_answers(options, asker, CHECKS, partial(_failed, otherwise="CLIENT"), errors)
    asker.client.close()


if __name__ == "__main__":
    main(sys.argv[1:])
