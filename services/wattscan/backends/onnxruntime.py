"""ONNX models in ONNX Runtime; the target's TOML names the execution provider."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from wattscan.artifacts import FILE_NAMES, SYMMETRIC
from wattscan.contracts import (
    Array,
    Datatype,
    EngineAbsent,
    Format,
    Tensor,
    TensorSpec,
    WattscanError,
)
from wattscan.layout import channels_first, channels_last
from wattscan.plugins import sdk
from wattscan.settings import MOST_THREADS, check_keys, text, whole_number
from wattscan.wire import onnx_names_pb2

FORMAT: Format = "onnx"
DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu")
_OPENVINO = "OpenVINOExecutionProvider"
_CPU = "CPUExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_NVIDIA = (
    "it needs an NVIDIA GPU with its driver and, in place of onnxruntime, onnxruntime-gpu with "
    "the CUDA libraries of its release"
)
_EXTRA = "pip install 'wattscan[nvidia]'"
_CUDA = "CUDAExecutionProvider"
_COREML = "CoreMLExecutionProvider"
# Those that come with a build of ONNX Runtime: what such a build needs, and how to get it where the
# target does not say.
_BUILT_IN = {
    "cuda": (_CUDA, _NVIDIA, _EXTRA),
    "tensorrt": (_TENSORRT, f"{_NVIDIA}, and TensorRT's libraries", _EXTRA),
    "coreml": (
        _COREML,
        "it runs on macOS",
        "pip install 'wattscan[onnxruntime]'",
    ),
}
# The processor's fuse quantized operators, and widen 16-bit floats. CUDA's and CoreML's compute
# between the dequantized inputs of quantized operators in floating point, and so does TensorRT's
# unless all zero points are 0, as in the symmetric form.
_COMPUTES_IN: Mapping[str, frozenset[Datatype]] = {
    _CPU: frozenset({"fp32", "int8"}),
    _OPENVINO: frozenset({"fp32", "int8"}),
    _CUDA: frozenset({"fp32", "fp16"}),
    _COREML: frozenset({"fp32", "fp16"}),
    _TENSORRT: frozenset({"fp32", "fp16"}),
}
_FLOAT16 = 10  # onnx.TensorProto.DataType
# Else an FP32 model runs in bfloat16 where the processor has it.
_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


def formats(settings: Mapping[str, Any]) -> tuple[Format, ...]:
    """TensorRT computes in INT8 what has no zero points; the others read the plain form."""
    return (SYMMETRIC, FORMAT) if settings.get("provider") == "tensorrt" else (FORMAT,)


def open_engine(path: Path, settings: Mapping[str, Any]) -> OnnxRuntimeEngine:
    """Open a session. `settings`: `threads` (1), `provider` (`cpu`, `openvino`, `cuda`, `tensorrt`
    or `coreml`), `install` (how to get a build with that provider on this hardware, for people).

    Raises: WattscanError.
    """
    check_keys(settings, {"threads", "provider", "install"})
    # Since 1.29 it keeps a device id on disk and reports to its maker unless told not to before it
    # is loaded. A server of patients' images calls nobody.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    onnxruntime = sdk("onnxruntime", "onnxruntime")
    threads = whole_number(settings, "threads", 1, MOST_THREADS)
    options = _session_options(onnxruntime, threads)
    provider = text(settings, "provider", "cpu")
    providers = _providers(onnxruntime, provider, settings)
    # Else it computes a model of 16 bits in 32; and with it one of 32 in 16.
    half = provider == "tensorrt" and _has_half_weights(path)
    if provider == "openvino":
        _add_openvino(onnxruntime, options, threads)
    more = {"provider_options": [{"trt_fp16_enable": "True"}, {}]} if half else {}
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers, **more)
    except Exception as error:  # its exceptions share no base class but this
        raise WattscanError(
            f"ONNX Runtime cannot load {path}: {str(error).splitlines()[0]}"
        ) from None
    if providers and session.get_providers()[0] != providers[0]:
        # It goes on with the processor and says so on stderr only.
        raise EngineAbsent(
            f"ONNX Runtime could not start {providers[0]}: {_advice(provider, settings)}"
        )
    provider = session.get_providers()[0]
    symmetric = provider == _TENSORRT and path.name == FILE_NAMES[SYMMETRIC]
    return OnnxRuntimeEngine(
        session,
        _specs(path, session.get_inputs()),
        _specs(path, session.get_outputs()),
        _COMPUTES_IN[provider] | (frozenset({"int8"}) if symmetric else frozenset()),
    )


def _session_options(onnxruntime: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A waiting thread that spins takes the processor time, and the joules, of another request.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _has_half_weights(path: Path) -> bool:
    """Whether an ONNX file has weights of 16-bit floats; a file that is none has not."""
    model = onnx_names_pb2.Model()
    try:
        model.ParseFromString(path.read_bytes())
    except (OSError, DecodeError):
        return False  # the session says what is wrong with it
    return any(one.data_type == _FLOAT16 for one in model.graph.initializer)


def _advice(provider: str, settings: Mapping[str, Any]) -> str:
    _, needs, default = _BUILT_IN[provider]
    return f"{needs}: {text(settings, 'install', default)}"


def _providers(onnxruntime: Any, provider: str, settings: Mapping[str, Any]) -> list[str] | None:
    """In order of preference; None for what is not built in."""
    if provider == "openvino":
        return None
    if provider == "cpu":
        return [_CPU]
    if provider not in _BUILT_IN:
        known = ", ".join(["cpu", "openvino", *_BUILT_IN])
        raise WattscanError(f"onnxruntime has no provider {provider!r}: {known}")
    name = _BUILT_IN[provider][0]
    if name not in onnxruntime.get_available_providers():
        raise EngineAbsent(
            f"the ONNX Runtime that is installed has no {name}: {_advice(provider, settings)}"
        )
    return [name, _CPU]


def _add_openvino(onnxruntime: Any, options: Any, threads: int) -> None:
    plugin = sdk("onnxruntime_ep_openvino", "onnxruntime")
    _register(onnxruntime, plugin.get_library_path())
    # The plug-in also lists an `.AUTO` provider, which cannot be mixed with the plain one.
    devices = [d for d in onnxruntime.get_ep_devices() if d.ep_name == _OPENVINO]
    if not devices:
        raise EngineAbsent(
            "ONNX Runtime's OpenVINO provider admits Intel processors only, and this is none: "
            "set the target's backend to openvino, which has the same engine"
        )
    # The provider ignores its own thread option; OpenVINO's configuration counts.
    load_config = json.dumps({"CPU": {"INFERENCE_NUM_THREADS": str(threads), **_EXACT}})
    options.add_provider_for_devices(devices[:1], {"load_config": load_config})


def _register(onnxruntime: Any, library: str) -> None:
    try:
        onnxruntime.register_execution_provider_library("openvino", library)
    except Exception as error:
        # It cannot be asked whether the library is registered, and refuses a second time.
        if "already registered" not in str(error):
            raise EngineAbsent(f"the OpenVINO provider cannot be loaded: {error}") from None


def _specs(path: Path, nodes: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            node.name,
            _dtype(path, node.type),
            # A dimension that has a name has any size.
            tuple(size if isinstance(size, int) else -1 for size in node.shape),
        )
        for node in nodes
    )


def _dtype(path: Path, name: str) -> np.dtype[Any]:
    """`tensor(float)` -> float32."""
    element = name.removeprefix("tensor(").removesuffix(")")
    element = {"float": "float32", "double": "float64"}.get(element, element)
    try:
        return np.dtype(element)
    except TypeError:
        raise WattscanError(f"{path} has a {name}, which is not served: numbers only") from None


class OnnxRuntimeEngine:
    """A session. One thread at a time."""

    def __init__(
        self,
        session: Any,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        computes_in: frozenset[Datatype],
    ) -> None:
        self.provider: str = session.get_providers()[0]
        self.computes_in = computes_in
        self.inputs = inputs
        self.outputs = outputs
        self._session = session

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The session's outputs, in their order."""
        feed = {spec.name: array for spec, array in zip(self.inputs, arrays, strict=True)}
        outputs: list[Array] = self._session.run(None, feed)
        return outputs

    def infer(self, batch: Tensor) -> Tensor:
        """(N, H, W, C) -> logits, as `contracts.Engine` says."""
        return channels_last(self.run([channels_first(batch)])[0])

    def close(self) -> None:
        """Let the runtime free the model."""
        self._session = None
