"""ONNX models in Intel's OpenVINO runtime, which serves Intel, AMD and Arm processors alike.

ONNX Runtime's OpenVINO provider admits Intel processors only (microsoft/onnxruntime pull request
31981); on the others this is the way to the same engine.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.backends.openvino.fitness import fitness
from wattscan.backends.openvino.names import read_names
from wattscan.contracts import (
    Array,
    EngineAbsent,
    EngineUnfit,
    Format,
    Tensor,
    TensorSpec,
    WattscanError,
    last_line,
)
from wattscan.layout import channels_first, channels_last
from wattscan.plugins import sdk
from wattscan.settings import MOST_THREADS, check_keys, whole_number

FORMAT: Format = "onnx"
DISTRIBUTIONS = ("openvino",)
_WRONG = {"bf16", "f64", "i64", "u64", "u32"}


def open_engine(path: Path, settings: Mapping[str, Any]) -> OpenVINOEngine:
    """Compile the model. `settings`: `threads` (1), `device` (`CPU`). Raises: WattscanError."""
    check_keys(settings, {"threads", "device"})
    # Its Python package reports each import to its maker's analytics; without this module it does
    # not. A server of patients' images calls nobody.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    device = str(settings.get("device", "CPU"))
    config = {
        "INFERENCE_NUM_THREADS": whole_number(settings, "threads", 1, MOST_THREADS),
        # Else an FP32 model runs in bfloat16 where the processor has it, and FP32 against INT8
        # would compare something else.
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    names = read_names(path)
    try:
        model = _read(path)
        otherwise, keeps_nan = fitness(model)
        compiled = _core().compile_model(model, device, config)
    except EngineAbsent:
        raise
    except Exception as error:  # its errors share no base class but this
        raise EngineUnfit(f"OpenVINO cannot load {path}: {last_line(error)}") from None
    if not compiled.inputs or not compiled.outputs:
        raise WattscanError(f"OpenVINO cannot load {path}: it has no input, or no output")
    _check_types([*compiled.inputs, *compiled.outputs])
    if otherwise:
        raise EngineUnfit(f"OpenVINO computes {otherwise} otherwise than ONNX defines")
    if [len(each) for each in names] != [len(compiled.inputs), len(compiled.outputs)]:
        raise EngineUnfit("OpenVINO has other inputs or outputs than the ONNX file")
    return OpenVINOEngine(compiled, f"OpenVINO-{device}", names, keeps_nan)


@functools.cache
def _core() -> Any:
    """One for the life of the process.

    Its CPU plug-in gives the thread that loads it a stack for signals, and when it is unloaded, by
    whichever thread, frees that: the next signal would end the process.
    """
    return sdk("openvino", "openvino").Core()


def _read(path: Path) -> Any:
    # By name: left to guess, it tries every format it knows, and each complains.
    frontend = sdk("openvino.frontend", "openvino").FrontEndManager().load_by_framework("onnx")
    return frontend.convert(frontend.load(str(path)))


def _check_types(tensors: Sequence[Any]) -> None:
    # Its CPU plug-in computes these in 32 bits, and its Python API calls bf16 a float16.
    found = {tensor.element_type.get_type_name() for tensor in tensors} & _WRONG
    if found:
        raise EngineUnfit(
            f"OpenVINO computes {' and '.join(sorted(found))} inputs or outputs in other types"
        )


def _spec(node: Any, name: str) -> TensorSpec:
    shape = node.partial_shape
    sizes = tuple(-1 if size.is_dynamic else size.get_length() for size in shape)
    return TensorSpec(name, np.dtype(node.element_type.to_dtype()), sizes)


class OpenVINOEngine:
    """A compiled model and one inference request. One thread at a time."""

    def __init__(
        self,
        compiled: Any,
        provider: str,
        names: tuple[tuple[str, ...], tuple[str, ...]],
        keeps_nan: bool,
    ) -> None:
        """`names`: as the file has them; what is optimized away may have taken them along."""
        self.provider = provider
        self.keeps_nan = keeps_nan
        inputs, outputs = names
        self.inputs = tuple(map(_spec, compiled.inputs, inputs))
        self.outputs = tuple(map(_spec, compiled.outputs, outputs))
        self._request = compiled.create_infer_request()

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The model's outputs, in their order."""
        # Of a scalar it needs one that it could write to.
        own = [array if array.ndim else array.copy() for array in arrays]
        results = self._request.infer(own, share_inputs=True)
        return [results[index] for index in range(len(self.outputs))]

    def infer(self, batch: Tensor) -> Tensor:
        """(N, H, W, C) -> logits, as `contracts.Engine` says."""
        return channels_last(self.run([channels_first(batch)])[0])

    def close(self) -> None:
        """Let the runtime free the model."""
        self._request = None
