"""Which models OpenVINO's CPU plug-in computes otherwise than their file says.

It computes 64-bit types in 32 bits and much of 32-bit integers in floating point, saturates 8- and
16-bit sums that ONNX wraps, and makes a number of a NaN in Relu, Clip and others. What is computed
from a tensor's shape alone is left out: sizes fit in 32 bits.
"""

from __future__ import annotations

from typing import Any

_ARITHMETIC = {
    *("Add", "Subtract", "Multiply", "Divide", "Power", "Mod", "FloorMod", "Negative", "Abs"),
    *("SquaredDifference", "ReduceSum", "ReduceProd", "ReduceMean", "CumSum", "MatMul"),
    *("Convolution", "GroupConvolution", "BitwiseLeftShift", "BitwiseRightShift", "Range"),
}
_WIDE = {"i64": "64-bit integers", "u64": "64-bit integers", "u32": "unsigned 32-bit integers"}
_NARROW = {"i8", "u8", "i16", "u16"}
_REAL = {"f16", "bf16", "f32", "f64"}
# 32-bit integers that it does not compute in floating point.
_WHOLE = {"Add", "Subtract", "Multiply", "Negative", "Abs", "Range"}
_ROUNDED = (_ARITHMETIC - _WHOLE) | {"Clamp", "Equal", "Pad", "ReduceMax", "ReduceMin", "MaxPool"}
# Tried: in these a NaN stays one. Any other operation may make a number of it.
_KEEPS_NAN = {
    *("Parameter", "Result", "Constant", "Add", "Subtract", "Multiply", "Divide", "Negative"),
    *("Abs", "MatMul", "Convolution", "GroupConvolution", "ConvolutionBackpropData", "Sigmoid"),
    *("Tanh", "Erf", "Gelu", "Elu", "Floor", "Round", "Log", "Sqrt", "Sin", "SoftPlus", "Identity"),
    *("ReduceSum", "ReduceMean", "ReduceL2", "AvgPool", "Concat", "Reshape", "Transpose", "Split"),
    *("VariadicSplit", "Squeeze", "Unsqueeze", "Slice", "StridedSlice", "Gather", "Broadcast"),
}


def fitness(model: Any) -> tuple[str, bool]:
    """What of it OpenVINO computes otherwise than ONNX defines, in words, "" for nothing; and
    whether a NaN in its inputs stays one.

    Args:
        model: an `openvino.Model` as its frontend converts it, not yet compiled.
    """
    nodes = _of_the_inputs(model)
    otherwise = {_reason(node) for node in nodes} - {""}
    return " and ".join(sorted(otherwise)), all(map(_keeps_nan, nodes))


def _keeps_nan(node: Any) -> bool:
    given = {value.get_element_type().get_type_name() for value in node.input_values()}
    return not given & _REAL or node.get_type_name() in _KEEPS_NAN or _is_cast_of_reals(node)


def _is_cast_of_reals(node: Any) -> bool:
    return node.get_type_name() in ("Convert", "ConvertLike") and _type(node) in _REAL


def _of_the_inputs(model: Any) -> list[Any]:
    """The operations whose values depend on the inputs' values, bodies of loops included."""
    dependent: set[str] = set()
    found = []
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        sources = [value.get_node().get_name() for value in node.input_values()]
        if kind == "Parameter" or (kind != "ShapeOf" and dependent.intersection(sources)):
            dependent.add(node.get_name())
            found.append(node)
        for body in _bodies(node):
            # Of a loop all may depend on them.
            found += body.get_ordered_ops()
    return found


def _bodies(node: Any) -> list[Any]:
    kind = node.get_type_name()
    if kind == "If":
        return [node.get_function(0), node.get_function(1)]
    return [node.get_function()] if kind in ("Loop", "TensorIterator") else []


def _reason(node: Any) -> str:
    kind, made = node.get_type_name(), _type(node)
    if made == "f64":
        return "64-bit floating point"
    if made in _WIDE and (kind in _ARITHMETIC or (kind == "Convert" and _of_reals(node))):
        return _WIDE[made]
    if made in _NARROW and (kind in _ARITHMETIC or (kind == "Convert" and _narrows(node))):
        return "sums of 8 or 16 bits"
    if kind in _ROUNDED and "i32" in (made, _given(node)):
        return "32-bit integers"
    return ""


def _type(node: Any) -> str:
    if not node.get_output_size():
        return ""
    name: str = node.get_output_element_type(0).get_type_name()
    return name


def _of_reals(node: Any) -> bool:
    return _given(node) in _REAL


def _narrows(node: Any) -> bool:
    return _given(node) in {"i32", *_WIDE}


def _given(node: Any) -> str:
    """The type of its first input."""
    if not node.input_values():
        return ""
    name: str = node.input_value(0).get_element_type().get_type_name()
    return name
