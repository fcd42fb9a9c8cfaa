"""What a model file of the user's own is: its format, and the number format of its weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.artifacts import FILE_NAMES, sha256
from wattscan.contracts import (
    Datatype,
    EngineAbsent,
    Format,
    ModelCard,
    ModelFile,
    Normalisation,
    WattscanError,
    datatype_of,
)
from wattscan.training import tflite_file

EXTRA = "quantize"
"""The extra that has the packages which read and write what is in a file."""
_INTEGER = {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger"),
    *("MatMulInteger", "QLinearConv", "QLinearMatMul"),
}


def is_file_name(text: str) -> bool:
    """Whether a `--model` is a file, and not the name of a model that is served."""
    return Path(text).suffix.lower() in (".onnx", ".tflite")


def format_of(path: Path) -> Format:
    """By the file's suffix. Raises: WattscanError: it is no model file, or not there."""
    if not is_file_name(path.name):
        raise WattscanError(f"{path} is no model file: its name must end in .onnx or .tflite")
    if not path.is_file():
        raise WattscanError(f"there is no model file at {path}")
    return "onnx" if path.suffix.lower() == ".onnx" else "tflite"


def datatype_in(path: Path) -> Datatype:
    """As its graph says; where the package that reads it is not installed, as its name ends.

    Raises: WattscanError: it is no model.
    """
    try:
        return _of_onnx(path) if format_of(path) == "onnx" else _of_tflite(path)
    except EngineAbsent:
        return datatype_of(path.stem.rpartition("-")[2])


def load_onnx(path: Path) -> Any:
    """The file as onnx's ModelProto, weights that lie beside it included.

    Raises: WattscanError: onnx is not installed (EngineAbsent), or it is no ONNX file.
    """
    onnx = plugins.sdk("onnx", EXTRA)
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's own, and of weights that lie elsewhere, share no base
        raise WattscanError(f"{path} is no ONNX file: {type(error).__name__}") from None
    if not model.graph.node:
        raise WattscanError(f"{path} is no ONNX file: it has no graph")
    return model


def card_of(name: str, variant: str, path: Path) -> ModelCard:
    """A card that says of a file what it is, and nothing of its quality. Raises: WattscanError."""
    file = ModelFile(format_of(path), path, sha256(path))
    datatype = datatype_in(path)
    return ModelCard(
        task=name,
        precision=variant,
        version="1",
        network=path.name,
        normalisation=Normalisation(0.0, 1.0),
        quality=(),
        files=(file,),
        details={"datatype": datatype},
    )


def served_name(path: Path) -> str:
    """What the file is called in a model folder."""
    return FILE_NAMES[format_of(path)]


def _of_onnx(path: Path) -> Datatype:
    graph, types = load_onnx(path).graph, plugins.sdk("onnx", EXTRA).TensorProto
    if any(node.op_type in _INTEGER for node in graph.node):
        return "int8"
    weights = Counter(one.data_type for one in graph.initializer if len(one.dims) > 1)
    return "fp16" if weights[types.FLOAT16] > weights[types.FLOAT] else "fp32"


def _of_tflite(path: Path) -> Datatype:
    schema, model = tflite_file.read(path)
    types = tflite_file.names(schema.TensorType)
    held = [buffer.data is not None or bool(buffer.offset) for buffer in model.buffers]
    kinds = Counter(
        types[tensor.type]
        for graph in model.subgraphs
        for tensor in graph.tensors
        if held[tensor.buffer] and len(tensor.shape) > 1
    )
    floats = {"FLOAT16": kinds["FLOAT16"], "FLOAT32": kinds["FLOAT32"]}
    if kinds["INT8"] + kinds["UINT8"] > sum(floats.values()):
        return "int8"
    return "fp16" if floats["FLOAT16"] > floats["FLOAT32"] else "fp32"


def weights_beside(path: Path) -> list[str]:
    """Files beside an ONNX file that hold its weights, by name; none where onnx is not installed.

    Raises: WattscanError: one lies outside of the file's folder.
    """
    if format_of(path) != "onnx":
        return []
    try:
        onnx = plugins.sdk("onnx", EXTRA)
    except EngineAbsent:
        return []
    graph = onnx.load(path, load_external_data=False).graph
    entries = (e for one in graph.initializer for e in one.external_data if e.key == "location")
    names = sorted({entry.value for entry in entries})
    for name in names:
        if Path(name).name != name or not (path.parent / name).is_file():
            raise WattscanError(f"{path} has weights in {name!r}, which is not a file beside it")
    return names
