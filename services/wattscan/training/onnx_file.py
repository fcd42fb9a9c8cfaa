"""What is inside an ONNX file: valid, and of one data type throughout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.contracts import Datatype, WattscanError

_WEIGHTED = {"Conv", "Gemm", "MatMul", "ConvTranspose"}


def problems(path: Path, *, datatype: Datatype, symmetric: bool = False) -> list[str]:
    """What is wrong with the file; empty if nothing.

    Args:
        path: an ONNX file.
        datatype: of its weights. INT8: every layer must take 8-bit values and weights, activations
            unsigned. FP16: every weight must have 16 bits, and inputs and outputs 32.
        symmetric: whether activations must be signed, all zero points 0 and biases floats instead,
            as TensorRT wants it.

    Raises:
        WattscanError: onnx is not installed (EngineAbsent), or it is no ONNX file.
    """
    onnx = plugins.sdk("onnx", "train")
    checker = plugins.sdk("onnx.checker", "train")
    try:
        checker.check_model(str(path), full_check=True)
        model = onnx.load(path)
    except Exception as error:  # its errors, protobuf's and the shape inference's share no base
        raise WattscanError(str(error).splitlines()[0]) from None
    if datatype == "fp16":
        return _wide(onnx, model.graph)
    if datatype != "int8":
        return []
    found = _float_layers(onnx, model.graph, symmetric)
    return [*found, *_asymmetric(onnx, model.graph)] if symmetric else found


def _wide(onnx: Any, graph: Any) -> list[str]:
    types = onnx.TensorProto
    # One dimension: a bias, which may stay wide, or the factors of a resize.
    weights = [one for one in graph.initializer if len(one.dims) > 1]
    wide = [one.name for one in weights if one.data_type == types.FLOAT]
    found = [f"the weights {name} have 32 bits" for name in wide]
    if not any(one.data_type == types.FLOAT16 for one in weights):
        found.append("it has no weights of 16 bits")
    return found + [
        f"{value.name} is not float32, as every variant's inputs and outputs are"
        for value in (*graph.input, *graph.output)
        if value.type.tensor_type.elem_type != types.FLOAT
    ]


def _asymmetric(onnx: Any, graph: Any) -> list[str]:
    constants = {one.name: one for one in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = constants.get(node.input[2])
            if zero is None or onnx.numpy_helper.to_array(zero).any():
                found.append(f"{node.op_type} {node.name} has a zero point that is not 0")
        if node.op_type in _WEIGHTED and len(node.input) > 2 and node.input[2] not in constants:
            found.append(f"{node.op_type} {node.name} has a bias that is no float constant")
    return found


def _float_layers(onnx: Any, graph: Any, signed: bool) -> list[str]:
    types = onnx.TensorProto
    wanted, said = (types.INT8, "int8") if signed else (types.UINT8, "uint8")
    makers = {output: node for node in graph.node for output in node.output}
    constants = {one.name: one.data_type for one in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type in _WEIGHTED:
            feeding = [makers[name] for name in node.input[:2] if name in makers]
            kinds = [maker.op_type for maker in feeding]
            if kinds != ["DequantizeLinear", "DequantizeLinear"]:
                found.append(f"{node.op_type} {node.name} takes floats")
            elif constants.get(feeding[1].input[0]) != types.INT8:
                found.append(f"{node.op_type} {node.name} has weights that are not int8")
        if node.op_type == "QuantizeLinear" and constants.get(node.input[2]) != wanted:
            found.append(f"{node.name} makes activations that are not {said}")
    return found
