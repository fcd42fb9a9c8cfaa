"""A TFLite file as ai-edge-quantizer takes it: MediaPipe's forms are repaired."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.training import tflite_file
from wattscan.training.own import form

_IDENTIFIER = b"TFL3"
_REFUSED = {
    "DENSIFY": "sparse weights: convert the model again without sparsity",
    "WHILE": "a loop: export it with a fixed number of steps",
    "IF": "a branch: export the one that is used",
}
_NONE = -1


def repaired(path: Path, made: Path) -> list[str]:
    """Write the file to `made` as the quantizer takes it; returns what was changed, as sentences.

    Raises:
        WattscanError: it is no TFLite file, or has what cannot be quantized, and why.
    """
    schema, model = tflite_file.read(path)
    _refuse(path, schema, model)
    (graph,) = model.subgraphs
    done = [
        sentence
        for changed, sentence in (
            (_number_operators(model), "Operator codes of the older form are written in both."),
            (
                _fold_halves(schema, model, graph),
                "Weights of 16 bits, which an operator widened at each run, are widened once.",
            ),
            (_drop_unused(model, graph), "Tensors that no operator uses are dropped."),
            (_sign(schema, model, graph), "A signature with the names of the tensors is added."),
        )
        if changed
    ]
    made.write_bytes(_packed(model))
    return done


def whole(content: bytes) -> bytes:
    """The file with all constants inside of its flatbuffer: a writer may put them behind it, where
    the Edge TPU's compiler does not look."""
    schema = plugins.sdk("ai_edge_litert.schema_py_generated", "litert")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:  # 1 stands for an empty one
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return _packed(model)


def _packed(model: Any) -> bytes:
    flatbuffers = plugins.sdk("flatbuffers", form.EXTRA)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _refuse(path: Path, schema: Any, model: Any) -> None:
    for code in model.operatorCodes:
        name = tflite_file.operator_name(schema, code)
        if name in _REFUSED:
            raise WattscanError(f"{path} has the operator {name}, {_REFUSED[name]}")
        if name == "CUSTOM":
            custom = (code.customCode or b"?").decode(errors="replace")
            raise WattscanError(
                f"{path} has the operator {custom}, which is not TensorFlow Lite's own, and which "
                "the quantizer does not know: convert the model without it, or leave it in float"
            )
    if len(model.subgraphs) != 1:
        raise WattscanError(f"{path} has {len(model.subgraphs)} graphs: one can be quantized")


def _number_operators(model: Any) -> bool:
    changed = False
    for code in model.operatorCodes:
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        changed |= code.builtinCode != number
        code.builtinCode = number
    return changed


def _fold_halves(schema: Any, model: Any, graph: Any) -> bool:
    kinds, kept = schema.TensorType, []
    for operator in graph.operators:
        name = tflite_file.operator_name(schema, model.operatorCodes[operator.opcodeIndex])
        source = graph.tensors[operator.inputs[0]] if len(operator.inputs) else None
        data = model.buffers[source.buffer].data if source is not None else None
        if name != "DEQUANTIZE" or source is None or source.type != kinds.FLOAT16 or data is None:
            kept.append(operator)
            continue
        wide = np.frombuffer(bytes(data), np.float16).astype(np.float32)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(wide.tobytes(), np.uint8)
        model.buffers.append(buffer)
        graph.tensors[operator.outputs[0]].buffer = len(model.buffers) - 1
    changed = len(kept) < len(graph.operators)
    graph.operators = kept
    return changed


def _drop_unused(model: Any, graph: Any) -> bool:
    """Operators, inputs, outputs and signatures name tensors by their places, which move."""
    used = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        for places in _lists(operator):
            used |= set(places)
    order = sorted(place for place in map(int, used) if place != _NONE)
    if len(order) == len(graph.tensors):
        return False
    moved = {old: new for new, old in enumerate(order)} | {_NONE: _NONE}
    graph.tensors = [graph.tensors[place] for place in order]
    graph.inputs, graph.outputs = (_moved(x, moved) for x in (graph.inputs, graph.outputs))
    for operator in graph.operators:
        operator.inputs = _moved(operator.inputs, moved)
        operator.outputs = _moved(operator.outputs, moved)
        if operator.intermediates is not None and len(operator.intermediates):
            operator.intermediates = _moved(operator.intermediates, moved)
    for signature in model.signatureDefs or ():
        for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
            entry.tensorIndex = moved[int(entry.tensorIndex)]
    return True


def _lists(operator: Any) -> list[Any]:
    every = (operator.inputs, operator.outputs, operator.intermediates)
    return [places for places in every if places is not None]


def _moved(places: Iterable[int], moved: dict[int, int]) -> Any:
    return np.array([moved[int(place)] for place in places], np.int32)


def _sign(schema: Any, model: Any, graph: Any) -> bool:
    if model.signatureDefs:
        return False
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs = [_entry(schema, graph, int(place)) for place in graph.inputs]
    signature.outputs = [_entry(schema, graph, int(place)) for place in graph.outputs]
    model.signatureDefs = [signature]
    return True


def _entry(schema: Any, graph: Any, place: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = graph.tensors[place].name, place
    return entry
