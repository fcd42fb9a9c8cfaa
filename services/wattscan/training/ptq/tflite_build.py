"""INT8 TFLite files by ai-edge-quantizer: weights and activations int8, inputs and outputs too."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.samples import Sample
from wattscan.training import tflite_file
from wattscan.training.own import form
from wattscan.training.ptq.plan import ALL, Build, InFloat
from wattscan.training.ptq.tflite_repair import repaired, whole

HEAVY_KINDS = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED", "BATCH_MATMUL",
)  # fmt: skip
_FROM_OR_TO_FLOAT = {"QUANTIZE", "DEQUANTIZE"}
_NOT_QUANTIZED = "no_quantize"
# Written otherwise in the schema.
_SPELLED = {"CONV_2D_TRANSPOSE": "TRANSPOSE_CONV"}


class TFLiteQuantizer:
    """Of one file and its calibration samples; `folder` keeps what is made on the way."""

    def __init__(self, path: Path, samples: Sequence[Sample], folder: Path) -> None:
        """Raises: WattscanError: the file cannot be quantized."""
        self.source = folder / "float.tflite"
        self.repairs = repaired(path, self.source)
        self._path = path
        self._samples = samples
        self._module = plugins.sdk("ai_edge_quantizer.quantizer", form.EXTRA)
        self._types = plugins.sdk("ai_edge_quantizer.qtyping", form.EXTRA)
        self._ranges: dict[str, Any] = {}

    def layers(self) -> list[str]:
        """Those with weights, by the tensor that each gives."""
        kinds = {_SPELLED.get(kind, kind) for kind in HEAVY_KINDS}
        return [name for kind, name, _ in self._operators(self.source) if kind in kinds]

    def build(self, build: Build, path: Path) -> None:
        """As `plan.Quantizer` says."""
        try:
            with _quiet():
                path.write_bytes(self._quantized(build))
        except Exception as error:  # whatever the quantizer does with what it does not know
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise WattscanError(f"{self._path} cannot be quantized: {first}") from None

    def in_float(self, path: Path, build: Build) -> list[InFloat]:
        """Operators that give float tensors, by kind."""
        left = Counter(
            kind
            for kind, _, types in self._operators(path)
            if kind not in _FROM_OR_TO_FLOAT and types & {"FLOAT32", "FLOAT16"}
        )
        kinds = {_SPELLED.get(kind, kind) for kind in HEAVY_KINDS}
        return [
            InFloat(kind, count, _why(build, kind in kinds)) for kind, count in left.most_common()
        ]

    def _quantized(self, build: Build) -> bytes:
        quantizer = self._module.Quantizer(str(self.source))
        names = self._types.TFLOperationName
        kinds = [names.ALL_SUPPORTED] if build.name == ALL else [names[k] for k in HEAVY_KINDS]
        for kind in kinds:
            quantizer.add_static_config(
                regex=".*", operation_name=kind, activation_num_bits=8, weight_num_bits=8
            )
        for layer in build.keep:
            quantizer.update_quantization_recipe(
                regex=re.escape(layer),
                operation_name=names.ALL_SUPPORTED,
                algorithm_key=_NOT_QUANTIZED,
            )
        if build.name not in self._ranges:
            self._ranges[build.name] = quantizer.calibrate(self._calibration(), num_threads=1)
        made: bytes = quantizer.quantize(
            self._ranges[build.name], enable_progress_report=False
        ).quantized_model
        return whole(bytes(made))

    def _calibration(self) -> dict[str, list[dict[str, Any]]]:
        """By the signature's own names, in the order of its tensors."""
        _, model = tflite_file.read(self.source)
        (graph,), signature = model.subgraphs, model.signatureDefs[0]
        places = [int(place) for place in graph.inputs]
        entries = {int(e.tensorIndex): e.name.decode() for e in signature.inputs}
        names = [entries[place] for place in places]
        samples = [dict(zip(names, one.values(), strict=True)) for one in self._samples]
        return {signature.signatureKey.decode(): samples}

    @staticmethod
    def _operators(path: Path) -> Iterator[tuple[str, str, set[str]]]:
        """Kind, the first tensor that it gives, and the types of all that it gives."""
        schema, model = tflite_file.read(path)
        types = tflite_file.names(schema.TensorType)
        for graph in model.subgraphs:
            for operator in graph.operators:
                code = model.operatorCodes[operator.opcodeIndex]
                given = [graph.tensors[place] for place in operator.outputs]
                name = given[0].name.decode(errors="replace") if given else ""
                yield tflite_file.operator_name(schema, code), name, {types[t.type] for t in given}


def _why(build: Build, is_heavy: bool) -> str:
    if is_heavy and build.keep:
        return "asked for with --keep-float"
    if build.name != ALL:
        return "it is left out of this build"
    return "it has no 8-bit form in ai-edge-quantizer, or stands beside a layer in float"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Its bars and advice are for who calls it by hand."""
    former = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()):
                yield
    finally:
        logging.disable(former)
