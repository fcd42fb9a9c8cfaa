"""One service, asked through the stock Triton client."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from client_options import Answer
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import np_to_triton_dtype


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
            "outputs": [described(output) for output in response.outputs],
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


def described(output: Any) -> Answer:
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
