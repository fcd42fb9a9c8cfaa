"""Would the Edge TPU's compiler take an operator? Its published list, operator by operator.

Source: Coral's page "TensorFlow models on the Edge TPU", the tables of supported operations and of
model requirements, for runtime 14 (compiler 16.0). The highest version of each operator is what
TensorFlow 2.2 writes for 8-bit models, which Coral's maintainers name as the release whose files
compiler 14 takes (google-coral/edgetpu issues 147, 206 and 210; newer ones are refused as
"Operation version not supported" in 187 and 420): a cautious bound, later compilers may take more.
The compiler itself is a closed x86-64 program that may still refuse an operator for its size;
nothing here runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.contracts import WattscanError
from wattscan.training import tflite_file

_NO_ACTIVATION = 0
_MAPPED_AXES = 3


@dataclass(frozen=True)
class Operator:
    """One operator of a file: its place, name, version, and what the list has against it."""

    index: int
    name: str
    version: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Use:
    """What a constraint looks at. Shapes include the batch."""

    options: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    constants: tuple[Any, ...]
    """The value of each input where it is constant, else None."""


_Constraint = Callable[[_Use], str | None]


def operators(path: Path) -> list[Operator]:
    """Every operator of the file, in its order. Raises: WattscanError."""
    schema, model = tflite_file.read(path)
    types = tflite_file.names(schema.TensorType)
    every = [(part, op) for part in model.subgraphs for op in part.operators]
    try:
        uses = [
            (model.operatorCodes[op.opcodeIndex], _use(model, graph, op)) for graph, op in every
        ]
        return [_judged(schema, types, index, *use) for index, use in enumerate(uses)]
    except Exception as error:  # a damaged flatbuffer raises whatever its bytes lead to
        what = f"{type(error).__name__}: {error}"
        raise WattscanError(f"{path} is a damaged TFLite model ({what})") from None


def _judged(schema: Any, types: dict[int, str], index: int, code: Any, use: _Use) -> Operator:
    name = tflite_file.operator_name(schema, code)
    if name not in _SUPPORTED:
        return Operator(index, name, code.version, ("is not among the operators known here",))
    highest, constraints = _SUPPORTED[name]
    problems = [problem for rule in (_small_rank, *constraints) if (problem := rule(use))]
    if code.version > highest:
        problems.append(f"version {code.version}, the compiler takes {highest} at most")
    computed = [t for t, value in zip(use.inputs, use.constants, strict=True) if value is None]
    others = {types[t.type] for t in (*computed, *use.outputs)} - {"INT8"}
    others |= {types[t.type] for t in use.inputs} - tflite_file.INTEGER_TYPES
    problems += [f"works on {name}" for name in sorted(others)]
    return Operator(index, name, code.version, tuple(problems))


def _use(model: Any, graph: Any, operator: Any) -> _Use:
    tensors = graph.tensors
    inputs = tuple(tensors[i] for i in operator.inputs if i >= 0)
    return _Use(
        operator.builtinOptions,
        inputs,
        tuple(tensors[i] for i in operator.outputs),
        tuple(tflite_file.constant(model, tensor) for tensor in inputs),
    )


def _small_rank(use: _Use) -> str | None:
    """Only the three innermost axes may be longer than 1."""
    for tensor in use.outputs:
        if any(size > 1 for size in list(tensor.shape)[:-_MAPPED_AXES]):
            return "more than the three innermost axes are longer than 1"
    return None


def _no_fused_activation(use: _Use) -> str | None:
    fused = use.options.fusedActivationFunction
    return None if fused == _NO_ACTIVATION else "has a fused activation"


def _same_dilation(use: _Use) -> str | None:
    same = use.options.dilationWFactor == use.options.dilationHFactor
    return None if same else "dilates differently in x and y"


def _constant_parameters(use: _Use) -> str | None:
    constant = all(value is not None for value in use.constants[1:])
    return None if constant else "its weights or bias are not constant"


def _zero_constants(use: _Use) -> str | None:
    """A concatenation may have one constant input, of zeros, beside one other."""
    constants = [value for value in use.constants if value is not None]
    if not constants:
        return None
    zero = all(not value.any() for value in constants)
    return None if zero and len(use.inputs) == 2 else "concatenates a constant that is not zero"


def _no_batch_axis(use: _Use) -> str | None:
    axes = use.constants[1]
    if axes is None:
        return "its axes are not constant"
    rank = len(use.inputs[0].shape)
    chosen = {int(axis) % rank for axis in np.ravel(axes)}
    if 0 in chosen:
        return "reduces the batch"
    if rank - 1 in chosen and use.inputs[0].shape[-1] % 4:
        return "reduces channels that are no multiple of 4"
    return None


def _no_batch_padding(use: _Use) -> str | None:
    pads = use.constants[1]
    if pads is None:
        return "its padding is not constant"
    return "pads the batch" if len(pads) == 4 and np.any(pads[0]) else None


def _plain_resize(use: _Use) -> str | None:
    odd = use.options.halfPixelCenters or use.options.alignCorners
    return "has half-pixel centres or aligned corners" if odd else None


def _default_weights(use: _Use) -> str | None:
    return (
        None if use.options.weightsFormat == 0 else "has weights in another than the default form"
    )


def _three_axes(use: _Use) -> str | None:
    ok = all(t.shape[0] == 1 for t in (use.inputs[0], *use.outputs))
    return None if ok else "resizes more than one image"


def _one_dimension(use: _Use) -> str | None:
    shape = list(use.outputs[0].shape)
    return None if all(size == 1 for size in shape[:-1]) else "its output has several dimensions"


_CONVOLUTION = (_same_dilation, _constant_parameters)
_SUPPORTED: dict[str, tuple[int, tuple[_Constraint, ...]]] = {
    "ADD": (2, ()),
    "AVERAGE_POOL_2D": (2, (_no_fused_activation,)),
    "CONCATENATION": (2, (_no_fused_activation, _zero_constants)),
    "CONV_2D": (3, _CONVOLUTION),
    "DEPTHWISE_CONV_2D": (3, _CONVOLUTION),
    "FULLY_CONNECTED": (4, (_constant_parameters, _default_weights, _one_dimension)),
    "LOGISTIC": (2, ()),
    "MAX_POOL_2D": (2, (_no_fused_activation,)),
    "MEAN": (2, (_no_batch_axis,)),
    "MUL": (2, ()),
    "PAD": (2, (_no_batch_padding,)),
    "QUANTIZE": (2, ()),
    "RELU": (2, ()),
    "RESHAPE": (1, ()),
    "RESIZE_NEAREST_NEIGHBOR": (2, (_three_axes, _plain_resize)),
    "SUB": (2, ()),
}
"""Operator -> the highest version, and the list's limitations. Those that a converter of our
networks could write; the list has more."""
