"""One graph to two files: ONNX (NCHW, any batch) and TFLite (NHWC, batch 1)."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.training import tflite_form
from wattscan.training.graph import set_mode

# Read when the converter's native part is loaded: else that logs each step.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

OPSET = 21
INPUT, OUTPUT = "image", "logits"


class _Named(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Gives the graph's input the name that the ONNX file has."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Any) -> Any:
        return self.network(image)


def _strip(path: Path) -> None:
    """Remove the exporter's notes: they hold stack traces, with this machine's paths."""
    onnx = plugins.sdk("onnx", "train")
    model = onnx.load(path)
    graph = model.graph
    named = (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (model, graph, *model.functions, *named):
        del part.metadata_props[:]
        part.doc_string = ""
    path.write_bytes(model.SerializeToString(deterministic=True))


def to_onnx(graph: Any, input_shape: tuple[int, int, int], path: Path, *, integer: bool) -> None:
    """Write `image` float32 (N, C, H, W) -> `logits` float32 (N, 1, H, W) or (N, findings).

    Args:
        graph: from `graph.folded`, or frozen where `integer`.
        input_shape: (H, W, C).
        path: the file to write; its folder is there.
        integer: whether the graph has quantizers, which become uint8 QuantizeLinear pairs.
    """
    if integer:
        set_mode(graph, "uint8")
    height, width, channels = input_shape
    example = torch.zeros(2, channels, height, width)
    with _quiet():
        program = torch.onnx.export(
            _Named(graph).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            optimize=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
        program.save(str(path), external_data=False)
    _strip(path)
    if path.with_name(path.name + ".data").exists():
        raise WattscanError(f"the exporter put {path.name}'s weights into a file of their own")


def to_tflite(graph: Any, input_shape: tuple[int, int, int], path: Path, *, integer: bool) -> None:
    """Write (1, H, W, C) -> (1, H, W, 1) or (1, findings): int8 in, within and out where `integer`,
    else float32.

    Args:
        graph: from `graph.folded`, or frozen where `integer`.
        input_shape: (H, W, C).
        path: the file to write; its folder is there.
        integer: whether the graph has quantizers.
    """
    options: dict[str, Any] = {}
    with _quiet():
        litert = plugins.sdk("litert_torch", "train")
        if integer:
            set_mode(graph, "int8")
            options["quant_config"] = _integer_io()
        height, width, channels = input_shape
        with torch.no_grad():
            planes = graph(torch.zeros(1, channels, height, width)).ndim == 4
        outputs = [0] if planes else []
        channels_last = litert.to_channel_last_io(graph, args=[0], outputs=outputs)
        example = (torch.zeros(1, *input_shape),)
        litert.convert(channels_last.eval(), example, **options).export(str(path))
    tflite_form.plain_resizes(path)


def _integer_io() -> Any:
    """Nothing is left to quantize; this makes the converter keep the graph's own integers."""
    config = plugins.sdk("litert_torch.quantize.quant_config", "train")
    quantizer = plugins.sdk("litert_torch.quantize.pt2e_quantizer", "train")
    symmetric = quantizer.get_symmetric_quantization_config(is_per_channel=True, is_qat=True)
    return config.QuantConfig(pt2e_quantizer=quantizer.PT2EQuantizer().set_global(symmetric))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' warnings about their own deprecations, and their step-by-step log."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
