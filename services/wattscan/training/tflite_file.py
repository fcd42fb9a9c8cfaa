"""What is inside a TFLite file: read from its flatbuffer, without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattscan import plugins
from wattscan.contracts import Datatype, WattscanError

INTEGER_TYPES = {"INT8", "INT32"}
"""Activations and weights; biases and the resize's size. Anything else falls off an Edge TPU."""


def operators(path: Path) -> Counter[str]:
    """How many of each operator, such as `CONV_2D`. Raises: WattscanError."""
    schema, model = read(path)
    return Counter(
        operator_name(schema, model.operatorCodes[operator.opcodeIndex])
        for graph in model.subgraphs
        for operator in graph.operators
    )


def read(path: Path) -> tuple[Any, Any]:
    """LiteRT's schema module, and the file as its `ModelT`. Raises: WattscanError."""
    schema = plugins.sdk("ai_edge_litert.schema_py_generated", "litert")
    content = path.read_bytes()
    try:
        if not schema.Model.ModelBufferHasIdentifier(content, 0):
            raise ValueError("no TFL3 identifier")
        return schema, schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    except Exception as error:  # a damaged flatbuffer raises whatever its bytes lead to
        raise WattscanError(f"{path} is not a TFLite model: {error}") from None


def names(enumeration: Any) -> dict[int, str]:
    """Value -> name of one of the schema's enumerations."""
    return {
        value: name
        for name, value in vars(enumeration).items()
        if isinstance(value, int) and not name.startswith("_")
    }


def operator_name(schema: Any, code: Any) -> str:
    """Of an operator code, such as `CONV_2D`."""
    # Codes above 127 are in the newer field only, older files have the other only.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return names(schema.BuiltinOperator).get(number, f"operator {number}")


def constant(model: Any, tensor: Any) -> NDArray[Any] | None:
    """A constant tensor's values in its shape; None where the tensor is computed."""
    data = model.buffers[tensor.buffer].data
    if data is None:
        return None
    count = max(1, int(np.prod(tensor.shape)))
    dtype = {1: "i1", 4: "<i4", 8: "<i8"}.get(len(data) // count, "u1")
    values: NDArray[Any] = np.frombuffer(bytes(data), dtype)
    return values.reshape(tensor.shape) if values.size == count else values


def problems(path: Path, *, datatype: Datatype) -> list[str]:
    """What would keep an accelerator from taking the graph whole; empty if nothing.

    Args:
        path: a TFLite file.
        datatype: of its weights. INT8: no float tensor may be in it. FP16: no weights of 32 bits.

    Raises:
        WattscanError: it is not a TFLite file, or LiteRT's schema is not installed.
    """
    schema, model = read(path)
    types = names(schema.TensorType)
    found = []
    if len(model.subgraphs) != 1:
        found.append(f"{len(model.subgraphs)} subgraphs instead of 1")
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    if any(_is_dynamic(tensor) for tensor in tensors):
        found.append("a tensor's shape is not static")
    if datatype == "fp16":
        found += _wide(model, tensors, types)
    if datatype == "int8":
        others = Counter(types[t.type] for t in tensors if types[t.type] not in INTEGER_TYPES)
        found += [f"{count} tensors of type {name}" for name, count in sorted(others.items())]
        found += [
            f"an input or output is {types[graph.tensors[index].type]}, not INT8"
            for graph in model.subgraphs
            for index in [*graph.inputs, *graph.outputs]
            if types[graph.tensors[index].type] != "INT8"
        ]
    return found


def _wide(model: Any, tensors: Sequence[Any], types: dict[int, str]) -> list[str]:
    # A writer may put what a buffer holds behind the flatbuffer, at an offset.
    full = [buffer.data is not None or bool(buffer.offset) for buffer in model.buffers]
    constants = [tensor for tensor in tensors if full[tensor.buffer]]
    weights = [t for t in constants if len(t.shape) > 1]
    found = [
        f"the weights {tensor.name.decode()} have 32 bits"
        for tensor in weights
        if types[tensor.type] == "FLOAT32"
    ]
    if not any(types[tensor.type] == "FLOAT16" for tensor in weights):
        found.append("it has no weights of 16 bits")
    return found


def _is_dynamic(tensor: Any) -> bool:
    if tensor.shape is None or any(size < 1 for size in tensor.shape):
        return True
    signature = tensor.shapeSignature
    return signature is not None and any(size < 0 for size in signature)
