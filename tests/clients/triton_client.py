"""Asks a server through the stock Triton client, and prints what came as one JSON object.

Run by the Python of `requirements-triton.txt`, as a child of a test:

    triton_client.py HOST:PORT --check live --check infer --model tiny --input image=image.npy

Of each check: its result, or `{"error": status, "message": text}`; the status is gRPC's name of it,
`CLIENT` where the client itself refused, and `STREAM` where a stream carried the error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import numpy as np
from client_options import Answer, add_tls_options, client_parser, print_answers
from triton_asker import Asker, described
from triton_streams import failed, infer_async, stream, stream_messages
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult, service_pb2
from tritonclient.utils import (
    InferenceServerException,
    np_to_triton_dtype,
    shared_memory,
    triton_to_np_dtype,
)

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
    return {"raw_outputs": 0, "outputs": [described(output) for output in response.outputs]}


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
        "output": described(came),
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


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = client_parser(__doc__, CHECKS)
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
    print_answers(options, asker, CHECKS, partial(failed, otherwise="CLIENT"), errors)
    asker.client.close()


if __name__ == "__main__":
    main(sys.argv[1:])
