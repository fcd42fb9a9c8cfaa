"""An ONNX file as the quantizer takes it: fixed shapes, a newer opset; or why it is refused."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.samples import Sample
from wattscan.training.own import form

# Weights in 8 bits, one scale for each channel, came with opset 13.
_LEAST_OPSET, _OPSET = 13, 17
_CONTROL = {"If", "Loop", "Scan"}
_OWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}


def repaired(path: Path, sample: Sample, made: Path) -> list[str]:
    """Write the file to `made` as the quantizer takes it; returns what was changed, as sentences.

    Args:
        path: an ONNX file in float.
        sample: one of the inputs that it is calibrated with.
        made: where the file goes.

    Raises:
        WattscanError: onnx or sympy is not installed (EngineAbsent), or the file cannot be
            quantized, and why.
    """
    plugins.sdk("sympy", form.EXTRA)
    model = form.load_onnx(path)
    _refuse(path, model)
    done: list[str] = []
    model = _newer(path, model, done)
    _fix_shapes(model, sample, done)
    _name_nodes(model.graph)
    _prepare(path, model, made)
    return done


def _refuse(path: Path, model: Any) -> None:
    counts = Counter(node.op_type for node in model.graph.node)
    control = sorted(_CONTROL & counts.keys())
    if control:
        raise WattscanError(
            f"{path} has {' and '.join(control)}, whose bodies the quantizer leaves out: export it "
            "with a fixed number of steps, so that there is no such operator"
        )
    others = sorted({node.domain for node in model.graph.node} - _OWN_DOMAINS)
    if others:
        raise WattscanError(
            f"{path} has operators of the domain {others[0]!r}, which no engine here knows: export "
            "it with ONNX's own operators"
        )


def _newer(path: Path, model: Any, done: list[str]) -> Any:
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    if opset >= _LEAST_OPSET:
        return model
    try:
        newer = plugins.sdk("onnx.version_converter", form.EXTRA).convert_version(model, _OPSET)
    except Exception as error:  # the converter's own, in C++
        first = (str(error).splitlines() or [""])[0]
        raise WattscanError(
            f"{path} is of opset {opset}, and cannot be converted to {_OPSET} ({first}): export it "
            f"again with opset {_LEAST_OPSET} or later"
        ) from None
    done.append(f"Converted from opset {opset} to {_OPSET}: INT8 weights need {_LEAST_OPSET}.")
    return newer


def _fix_shapes(model: Any, sample: Sample, done: list[str]) -> None:
    """With open sizes, pairs of Q and DQ would be left over."""
    fixed = []
    constants = {one.name for one in model.graph.initializer}
    for value in (v for v in model.graph.input if v.name not in constants):
        if value.name not in sample:
            continue
        dims = value.type.tensor_type.shape.dim
        if any(not dim.HasField("dim_value") or dim.dim_value < 1 for dim in dims):
            for dim, size in zip(dims, sample[value.name].shape, strict=True):
                dim.dim_value = size
            fixed.append(f"{value.name} {list(sample[value.name].shape)}")
    if fixed:
        del model.graph.value_info[:]
        for value in model.graph.output:  # of the open sizes; they are inferred anew
            value.type.tensor_type.ClearField("shape")
        done.append(f"Open sizes are fixed to those of the data: {', '.join(fixed)}.")


def _name_nodes(graph: Any) -> None:
    """Layers are told apart by their names, which ONNX does not ask for."""
    taken: set[str] = set()
    for number, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{number}"
        taken.add(node.name)


def _prepare(path: Path, model: Any, made: Path) -> None:
    """Shapes are inferred, and what can be folded is, as the quantizer's makers advise."""
    prepare = plugins.sdk("onnxruntime.quantization.shape_inference", "onnxruntime")
    # It tells of each step, and of a failure that the other way round mends.
    logging.getLogger(prepare.__name__).setLevel(logging.CRITICAL)
    made = made.resolve()
    as_it_is = made.with_suffix(".fixed.onnx")
    plugins.sdk("onnx", form.EXTRA).save(model, as_it_is)
    last: Exception | None = None
    for skip in (False, True):  # the symbolic step knows fewer operators than the engine
        # Where that step gives up, it leaves the model and its weights in the work folder.
        with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
            try:
                prepare.quant_pre_process(as_it_is, made, skip_symbolic_shape=skip)
            except Exception as error:  # of both packages, which share no base
                last = error
            else:
                return
    first = (str(last).splitlines() or [""])[0]
    raise WattscanError(f"{path} cannot be prepared for INT8: {first}")


def names(model: Any, kinds: Sequence[str]) -> list[str]:
    """The nodes of these kinds, by name, in the graph's order."""
    return [node.name for node in model.graph.node if node.op_type in kinds]
