"""A vendor's runtime for ONNX files. Here ONNX Runtime plays it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.contracts import Array, Format, Tensor, TensorSpec, WattscanError
from wattscan.layout import channels_first, channels_last
from wattscan.plugins import sdk
from wattscan.settings import MOST_THREADS, check_keys, whole_number

FORMAT: Format = "onnx"
# The packages that hold the engine: its version is told from them.
DISTRIBUTIONS = ("onnxruntime",)
_TYPES = {"tensor(float)": np.dtype("f4")}


def open_engine(path: Path, settings: Mapping[str, Any]) -> Engine:
    """Settings: `threads` (1). Raises: WattscanError."""
    check_keys(settings, {"threads"})
    runtime = sdk(
        "onnxruntime", "onnxruntime"
    )  # EngineAbsent, with the extra, where it is not here
    options = runtime.SessionOptions()
    options.intra_op_num_threads = whole_number(settings, "threads", 1, MOST_THREADS)
    try:
        session = runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise WattscanError(f"the example runtime cannot load {path}: {reason}") from None
    return Engine(session)


class Engine:
    """A loaded model."""

    provider = "ExampleRuntime"
    # What it computes in: an FP16 or INT8 model of another type would be marked.
    computes_in = frozenset({"fp32", "int8"})

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = tuple(map(_spec, session.get_inputs()))
        self.outputs = tuple(map(_spec, session.get_outputs()))

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The file as it is."""
        feed = {spec.name: array for spec, array in zip(self.inputs, arrays, strict=True)}
        answers: list[Array] = self._session.run(None, feed)
        return answers

    def infer(self, batch: Tensor) -> Tensor:
        """(N, H, W, C) -> logits: ONNX files of clinical models have channels first."""
        return channels_last(self.run([channels_first(batch)])[0])

    def close(self) -> None:
        """Free the model."""
        self._session = None


def _spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(node.name, _TYPES[node.type], shape)
