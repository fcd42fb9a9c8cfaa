"""TFLite models in LiteRT, with XNNPACK or a delegate; tflite-runtime where there is no LiteRT.

The Edge TPU is reached through its delegate, `libedgetpu.so.1`: what pycoral wraps. A float model
is left to the processor, since the Edge TPU runs integers only.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.contracts import Array, EngineAbsent, Format, Tensor, TensorSpec, WattscanError
from wattscan.plugins import sdk
from wattscan.settings import MOST_THREADS, check_keys, whole_number

FORMAT: Format = "tflite"
DISTRIBUTIONS = ("ai-edge-litert", "tflite-runtime")


def open_engine(path: Path, settings: Mapping[str, Any]) -> LiteRTEngine:
    """Open an interpreter.

    Settings: `threads` (1); `delegate`, a shared library that runs the integer models (the file
    `model_edgetpu.tflite` beside the model is taken, where there is one); `device`, which of the
    delegate's devices (`usb`, `pci`, `usb:0`), else its first.

    Raises:
        EngineAbsent: the delegate's library or device is not here.
        WattscanError: the file cannot be loaded.
    """
    check_keys(settings, {"threads", "delegate", "device"})
    old = importlib.util.find_spec("ai_edge_litert") is None and importlib.util.find_spec(
        "tflite_runtime"
    )
    module = sdk("tflite_runtime.interpreter" if old else "ai_edge_litert.interpreter", "litert")
    threads = whole_number(settings, "threads", 1, MOST_THREADS)
    engine = _open(module, path, threads, [])
    if "delegate" not in settings or _is_float(engine):
        return engine
    engine.close()
    compiled = path.with_name("model_edgetpu.tflite")
    delegate = _delegate(module, str(settings["delegate"]), settings.get("device"))
    return _open(module, compiled if compiled.is_file() else path, threads, [delegate])


def _open(module: Any, path: Path, threads: int, delegates: list[Any]) -> LiteRTEngine:
    try:
        # By its path it would be mapped: a file that shrinks then ends the process (SIGBUS).
        interpreter = module.Interpreter(
            model_content=path.read_bytes(), num_threads=threads, experimental_delegates=delegates
        )
        interpreter.allocate_tensors()
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RuntimeError) as error:
        raise WattscanError(f"LiteRT cannot load {path}: {str(error).splitlines()[0]}") from None
    return LiteRTEngine(interpreter, "EdgeTPU" if delegates else "XNNPACK")


def _is_float(engine: LiteRTEngine) -> bool:
    return all(spec.dtype.kind == "f" for spec in engine.inputs)


def _delegate(module: Any, library: str, device: object) -> Any:
    options = {} if device is None else {"device": str(device)}
    try:
        ctypes.CDLL(library)  # LiteRT's own failure to load it leaves a traceback on stderr
        return module.load_delegate(library, options)
    except OSError as error:
        raise EngineAbsent(
            f"the delegate {library} cannot be loaded ({error}): install Coral's Edge TPU runtime "
            "(libedgetpu1-std), in a build that matches the TFLite runtime here"
        ) from None
    except ValueError as error:
        raise EngineAbsent(
            f"the delegate {library} finds no device ({str(error).strip()}): connect the Edge TPU, "
            "load its driver (gasket and apex for PCIe), and let this user open it (groups plugdev "
            "and apex)"
        ) from None


class LiteRTEngine:
    """An interpreter with static shapes, one image at a time. One thread at a time."""

    def __init__(self, interpreter: Any, provider: str) -> None:
        self.provider = provider
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

    def run_real(self, arrays: Sequence[Array]) -> list[Array]:
        """The same in real numbers, where the file's own tensors are integers that stand for them:
        real inputs are put onto their grids, and outputs taken off theirs."""
        found = zip(self.run(self.on_grid(arrays)), self._outputs, strict=True)
        return [
            _dequantize(array, tensor) if tensor["quantization"][0] else array
            for array, tensor in found
        ]

    def on_grid(self, arrays: Sequence[Array]) -> list[Array]:
        """Real inputs as the integers that the file takes; what it takes as it is stays."""
        return [
            _quantize(array, tensor) if array.dtype.kind == "f" else array
            for tensor, array in zip(self._inputs, arrays, strict=True)
        ]

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
