"""How the inputs and outputs of an ONNX file are called: an engine may call them otherwise."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError

from wattscan.contracts import WattscanError
from wattscan.wire import onnx_names_pb2 as pb


def read_names(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the inputs and of the outputs, in the file's order.

    Raises:
        WattscanError: the file cannot be read, or is no ONNX model.
    """
    try:
        graph = pb.Model.FromString(path.read_bytes()).graph
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
    except DecodeError:
        raise WattscanError(f"OpenVINO cannot load {path}: it is no ONNX model") from None
    # Before version 4 of the format, weights were listed among the inputs.
    weights = {each.name for each in graph.initializer}
    inputs = tuple(each.name for each in graph.input if each.name not in weights)
    return inputs, tuple(each.name for each in graph.output)
