"""TFLite models in LiteRT, with XNNPACK; tflite-runtime where a board has no LiteRT."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.contracts import Array, Format, Tensor, TensorSpec, WattscanError
from wattscan.plugins import sdk
from wattscan.settings import check_keys, whole_number

FORMAT: Format = "tflite"


def open_engine(path: Path, settings: Mapping[str, Any]) -> LiteRTEngine:
    """Open an interpreter. `settings`: `threads` (1). Raises: WattscanError."""
    check_keys(settings, {"threads"})
    old = importlib.util.find_spec("ai_edge_litert") is None and importlib.util.find_spec(
        "tflite_runtime"
    )
    module = sdk("tflite_runtime.interpreter" if old else "ai_edge_litert.interpreter", "litert")
    try:
        interpreter = module.Interpreter(
            model_path=str(path), num_threads=whole_number(settings, "threads", 1)
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise WattscanError(f"LiteRT cannot load {path}: {str(error).splitlines()[0]}") from None
    return LiteRTEngine(interpreter)


class LiteRTEngine:
    """An interpreter with static shapes, one image at a time. One thread at a time."""

    provider = "XNNPACK"

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._inputs: list[dict[str, Any]] = interpreter.get_input_details()
        self._outputs: list[dict[str, Any]] = interpreter.get_output_details()
        self.inputs = tuple(_spec(tensor) for tensor in self._inputs)
        self.outputs = tuple(_spec(tensor) for tensor in self._outputs)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The file's outputs, in their order and their own integer types."""
        for tensor, array in zip(self._inputs, arrays, strict=True):
            if tuple(tensor["shape"]) != array.shape:
                self._resize(tensor, array.shape)
            self._interpreter.set_tensor(tensor["index"], array)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(tensor["index"]) for tensor in self._outputs]

    def infer(self, batch: Tensor) -> Tensor:
        """(N, H, W, C) -> logits, as `contracts.Engine` says."""
        return np.concatenate([self._infer_one(image[np.newaxis]) for image in batch])

    def close(self) -> None:
        """Let the runtime free the model."""
        self._interpreter = None

    def _infer_one(self, image: Tensor) -> Tensor:
        outputs = self.run([_quantize(image, self._inputs[0])])
        return _dequantize(outputs[0], self._outputs[0])

    def _resize(self, tensor: dict[str, Any], shape: tuple[int, ...]) -> None:
        """A dimension of any size takes the size of what comes."""
        self._interpreter.resize_tensor_input(tensor["index"], shape)
        self._interpreter.allocate_tensors()
        tensor["shape"] = np.array(shape, np.int32)


def _spec(tensor: Mapping[str, Any]) -> TensorSpec:
    # An old runtime has no signature: the shape is what it is.
    shape = tensor.get("shape_signature", tensor["shape"])
    sizes = tuple(int(size) for size in (shape if len(shape) else tensor["shape"]))
    return TensorSpec(str(tensor["name"]), np.dtype(tensor["dtype"]), sizes)


def _quantize(values: Tensor, tensor: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Real values onto the tensor's affine grid: round(x / scale) + zero point, saturated."""
    dtype = tensor["dtype"]
    if dtype == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(dtype)
    grid = np.rint(values / np.float32(scale)) + zero_point
    quantized: np.ndarray[Any, Any] = np.clip(grid, limits.min, limits.max).astype(dtype)
    return quantized


def _dequantize(values: np.ndarray[Any, Any], tensor: Mapping[str, Any]) -> Tensor:
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
