"""An INT8 ONNX file in the form that TensorRT takes: signed activations, all zero points 0.

TensorRT reads QuantizeLinear and DequantizeLinear of INT8 with a zero point of 0 alone, of weights
per channel, and biases as floats (NVIDIA, TensorRT's documentation, "Working with Quantized
Types"). An activation of uint8 with scale s and zero point z spans -z s to (255 - z) s; of int8
about 0 it has the scale of the longer side: max(z, 255 - z) s / 127. Where z is 0, as after a ReLU,
a bit is lost: the file has a score of its own, which `models check` compares with the card's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.artifacts import CARD, FILE_NAMES, SYMMETRIC, find_cards, model_file, sha256
from wattscan.contracts import WattscanError
from wattscan.training.onnx_file import problems

_LONGEST, _MOST = 255, 127
_WITH_ZERO = 3  # inputs of a node that names its zero point


def add(models: Path, task: str) -> Path:
    """Write the file beside a task's INT8 model, and into its card; returns its path.

    Raises:
        WattscanError: there is no such model, or as `write_symmetric`.
    """
    card = next((c for c in find_cards(models) if (c.task, c.precision) == (task, "int8")), None)
    if card is None:
        raise WattscanError(f"{models} has no INT8 model of {task!r}")
    source = model_file(card, "onnx").path
    path = source.with_name(FILE_NAMES[SYMMETRIC])
    made = path.with_suffix(".new")
    try:
        write_symmetric(source, made)
        wrong = problems(made, datatype="int8", symmetric=True)
        if wrong:
            raise WattscanError(f"{source} has no such form: {wrong[0]}")
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    told = dict(card.details)
    where = path.parent.name
    entry = {"format": SYMMETRIC, "path": f"{where}/{path.name}", "sha256": sha256(path)}
    told["files"] = [f for f in told["files"] if f["format"] != SYMMETRIC] + [entry]
    described = path.parents[1] / CARD
    described.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return path


def write_symmetric(source: Path, path: Path) -> None:
    """Write `source`, an INT8 file that `export.to_onnx` has made, in that form.

    Raises:
        WattscanError: onnx is not installed (EngineAbsent), or the file has what has no such form.
    """
    onnx = plugins.sdk("onnx", "train")
    try:
        model = onnx.load(source)
    except Exception as error:  # protobuf's own, which share no base
        raise WattscanError(f"{source} is no ONNX file: {type(error).__name__}") from None
    graph = model.graph
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    made: dict[str, Any] = {}
    kept = []
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            if len(node.input) < _WITH_ZERO or not constants.keys() >= set(node.input[1:3]):
                raise WattscanError(f"{source}: {node.name} has no constant scale and zero point")
            scale, zero = (constants[name] for name in node.input[1:3])
            if zero.dtype == np.uint8:
                node.input[1:] = _about_zero(node.input[1:3], scale, zero, made)
            elif zero.any():
                raise WattscanError(f"{source}: {node.name} has a zero point that is not 0")
            elif zero.dtype == np.int32:  # a bias
                bias = constants[node.input[0]].astype(np.float64) * scale
                made[node.output[0]] = bias.astype(np.float32)
                continue
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(onnx.numpy_helper.from_array(a, name) for name, a in made.items())
    _forget_unused(graph)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _about_zero(names: Any, scale: Any, zero: Any, made: dict[str, Any]) -> tuple[str, str]:
    """The names of a scale and a zero point that take their place, which are put into `made`."""
    wide = np.float32(max(int(zero), _LONGEST - int(zero)) / _MOST) * scale
    new = f"{'_'.join(names)}_symmetric", "zero_symmetric"
    made[new[0]], made[new[1]] = np.asarray(wide, np.float32), np.asarray(0, np.int8)
    return new


def _forget_unused(graph: Any) -> None:
    # Types that were inferred are of the form before.
    del graph.value_info[:]
    used = {name for node in graph.node for name in node.input}
    left = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(left)
