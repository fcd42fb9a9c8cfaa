"""INT8 ONNX files by ONNX Runtime's quantizer.

Q and DQ around each operator; activations uint8, since OpenVINO computes signed ones wrongly
(docs/models.md); weights int8, one scale for each channel, or for each tensor where that fails.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.contracts import Array, WattscanError
from wattscan.samples import Sample
from wattscan.training.own import form
from wattscan.training.ptq.onnx_repair import names, repaired
from wattscan.training.ptq.plan import ALL, Build, InFloat

HEAVY_KINDS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
# Neither has a computation of its own in 8 bits.
_NO_ARITHMETIC = {"QuantizeLinear", "DequantizeLinear", "Constant", "Shape", "Cast"}
_QUANTIZER = "onnxruntime.quantization"


class OnnxQuantizer:
    """Of one file and its calibration samples; `folder` keeps what is made on the way."""

    def __init__(self, path: Path, samples: Sequence[Sample], folder: Path) -> None:
        """Raises: WattscanError: the file cannot be quantized."""
        self.source = folder / "float.onnx"
        self.repairs = repaired(path, samples[0], self.source)
        self._path = path
        self._samples = samples
        self._ranges = folder / "ranges.json"
        self._by_channel = True

    def layers(self) -> list[str]:
        """Those with weights."""
        return names(form.load_onnx(self.source), HEAVY_KINDS)

    def build(self, build: Build, path: Path) -> None:
        """Weights by channel; where the file has operators that do not take that, by tensor."""
        try:
            self._quantize(build, path)
        except Exception as error:  # of the quantizer and of the session that calibrates
            if self._by_channel:
                self._by_channel = False
                self.build(build, path)
                return
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise WattscanError(f"{self._path} cannot be quantized: {first}") from None

    def in_float(self, path: Path, build: Build) -> list[InFloat]:
        """Operators whose first input is no 8-bit value, by kind."""
        graph = form.load_onnx(path).graph
        makers = {output: node.op_type for node in graph.node for output in node.output}
        left: Counter[str] = Counter()
        for node in graph.node:
            fed = makers.get(node.input[0], "") if node.input else ""
            if node.op_type not in _NO_ARITHMETIC and fed != "DequantizeLinear":
                left[node.op_type] += 1
        known = set(plugins.sdk(f"{_QUANTIZER}.registry", "onnxruntime").QDQRegistry)
        return [
            InFloat(kind, count, _why(kind, build, known)) for kind, count in left.most_common()
        ]

    def _quantize(self, build: Build, path: Path) -> None:
        quantizer = plugins.sdk(_QUANTIZER, "onnxruntime")
        with _quiet():
            quantizer.quantize_static(
                str(self.source),
                str(path),
                _Reader(self._samples),
                quant_format=quantizer.QuantFormat.QDQ,
                op_types_to_quantize=None if build.name == ALL else list(HEAVY_KINDS),
                per_channel=self._by_channel,
                activation_type=quantizer.QuantType.QUInt8,
                weight_type=quantizer.QuantType.QInt8,
                nodes_to_exclude=list(build.keep),
                calibrate_method=quantizer.CalibrationMethod.MinMax,
                # The ranges are measured once, whatever is built of them.
                calibration_cache_path=self._ranges_of(build),
            )

    def _ranges_of(self, build: Build) -> Path:
        """Of another choice of operators other tensors are measured."""
        return self._ranges.with_name(f"{build.name}-{self._ranges.name}")


class _Reader:
    """The samples as the quantizer reads them."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self.rewind()

    def rewind(self) -> None:
        """From the first one on."""
        self._left: Iterator[Sample] = iter(self._samples)

    def get_next(self) -> Mapping[str, Array] | None:
        """One image's tensors; None after the last."""
        sample = next(self._left, None)
        return None if sample is None else dict(sample)

    def __iter__(self) -> _Reader:
        return self

    def __next__(self) -> Any:
        found = self.get_next()
        if found is None:
            raise StopIteration
        return found


def _why(kind: str, build: Build, known: set[str]) -> str:
    if kind in HEAVY_KINDS:
        return "asked for with --keep-float" if build.keep else "its weights are no constant"
    if kind not in known:
        return "it has no 8-bit form in ONNX Runtime's quantizer"
    return "it is left out of this build" if build.name != ALL else "its values are no real numbers"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Its advice is for who calls it by hand."""
    former = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(former)
