"""The FP16 variant of a task: its FP32 files with weights, and in ONNX arithmetic, of 16 bits.

Half the file everywhere. It is cheaper to run only where the hardware computes in 16 bits (CUDA,
TensorRT, CoreML): a processor's engines widen it, and it is marked. It needs no checkpoint, and has
a score of its own: of some networks, 16 bits lose more than rounding.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.artifacts import FILE_NAMES, find_cards, model_file
from wattscan.contracts import ModelCard, WattscanError
from wattscan.training import bootstrap, card, onnx_file, sets, tflite_file
from wattscan.training.agreement import REFERENCE
from wattscan.training.engines import EngineSettings, ScoringJob, run

VARIANT = "fp16"
# Of the FP32 card, what holds for this variant too.
_KEPT = ("seed", "data", "fit")


def add(models: Path, task_name: str, data: Path | None, command: str) -> Path:
    """Write a task's FP16 variant beside its FP32 one; returns its card's path.

    Args:
        models: the model folder; `<task>-fp16` in it is overwritten.
        task_name: a task whose FP32 variant is in it.
        data: the public data set that it was trained on; None for a phantom.
        command: what the user typed.

    Raises:
        WattscanError: there is no such variant, a package of the train extra or ONNX Runtime is not
            installed (EngineAbsent), or the files are not what they should be.
    """
    fp32 = next(
        (c for c in find_cards(models) if (c.task, c.precision) == (task_name, "fp32")), None
    )
    if fp32 is None:
        raise WattscanError(f"{models} has no FP32 model of {task_name!r}")
    # Whole or not at all: what is there stays as it is until the new one is complete.
    with tempfile.TemporaryDirectory(prefix=".fp16-", dir=models) as made:
        path = _make(fp32, Path(made), data, command)
        folder = models / f"{task_name}-{VARIANT}"
        folder.mkdir(exist_ok=True)
        for name in (card.VERSION, path.name):
            old, new = folder / name, path.parent / name
            if old.is_dir():
                shutil.rmtree(old)
            new.replace(old)
    return folder / path.name


def _make(fp32: ModelCard, folder: Path, data: Path | None, command: str) -> Path:
    """The variant in a folder of its own; returns its card's path."""
    versioned = folder / card.VERSION
    versioned.mkdir()
    to_onnx(model_file(fp32, "onnx").path, versioned / FILE_NAMES["onnx"])
    to_tflite(model_file(fp32, "tflite").path, versioned / FILE_NAMES["tflite"])
    wrong = [
        *onnx_file.problems(versioned / FILE_NAMES["onnx"], datatype="fp16"),
        *tflite_file.problems(versioned / FILE_NAMES["tflite"], datatype="fp16"),
    ]
    if wrong:
        raise WattscanError(f"{fp32.name} has no FP16 form: {wrong[0]}")
    scored = _scored(fp32, versioned / FILE_NAMES["onnx"], data)
    made = {
        "command": command,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "from": {file.format: file.sha256 for file in fp32.files if file.format in card.FORMATS},
        "scored": f"the ONNX file in ONNX Runtime {plugins.engine_version(REFERENCE)} on the CPU",
    }
    provenance = {
        **{key: fp32.details[key] for key in _KEPT if key in fp32.details},
        "export": made,
    }
    variant = card.Made(VARIANT, fp32.network, fp32.normalisation, scored, provenance)
    return card.write(folder, plugins.task(fp32.task), variant)


def to_onnx(source: Path, path: Path) -> None:
    """Write an ONNX file with weights and arithmetic of 16 bits. Inputs and outputs stay float32:
    the service's tensors are those of every variant."""
    onnx = plugins.sdk("onnx", "train")
    converter = plugins.sdk("onnxruntime.transformers.float16", "onnxruntime")
    tools = plugins.sdk("onnxruntime.transformers.onnx_model", "onnxruntime")
    model = converter.convert_float_to_float16(onnx.load(source), keep_io_types=True)
    # Its casts of the inputs stand last, and ONNX wants each node after those that feed it.
    tools.OnnxModel.graph_topological_sort(model.graph)
    del model.graph.value_info[:]  # types from before
    path.write_bytes(model.SerializeToString(deterministic=True))


def to_tflite(source: Path, path: Path) -> None:
    """Write a TFLite file with weights of 16 bits. Weights alone: XNNPACK, and a GPU's delegate,
    decide what they compute in."""
    quantizer = plugins.sdk("ai_edge_quantizer.quantizer", "train")
    types: Any = plugins.sdk("ai_edge_quantizer.qtyping", "train")
    half = types.TensorQuantizationConfig(num_bits=16, dtype=types.TensorDataType.FLOAT)
    made = quantizer.Quantizer(str(source))
    made.update_quantization_recipe(
        regex=".*",
        operation_name=types.TFLOperationName.ALL_SUPPORTED,
        algorithm_key="float_casting",
        op_config=types.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=types.ComputePrecision.FLOAT
        ),
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of sizes and seconds
        path.write_bytes(made.quantize().quantized_model)


def _scored(fp32: ModelCard, file: Path, data: Path | None) -> card.Scored:
    """On the held-out set, as ONNX Runtime's CPU provider answers; and less FP32's score there."""
    task = plugins.task(fp32.task)
    table = fp32.details.get("data", {})
    held_out = sets.held_out(task, table, data)
    units = sets.held_out_units(task, table, data)
    job = ScoringJob(fp32, task, held_out)
    reference = EngineSettings(REFERENCE, {}, "onnx")
    logits = [run(reference, each, job, {})[1] for each in (model_file(fp32, "onnx").path, file)]
    difference = bootstrap.difference(task, held_out, units, (logits[0], logits[1]))
    return card.Scored(task.score(logits[1], np.asarray(held_out.truth)), difference=difference)
