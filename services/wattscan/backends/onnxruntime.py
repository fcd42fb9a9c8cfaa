"""ONNX models in ONNX Runtime; the target's TOML names the execution provider."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wattscan.contracts import Format, Tensor, WattscanError
from wattscan.layout import channels_first, channels_last
from wattscan.plugins import sdk

FORMAT: Format = "onnx"
_OPENVINO = "OpenVINOExecutionProvider"


def open_engine(path: Path, settings: Mapping[str, Any]) -> OnnxRuntimeEngine:
    """Open a session. `settings`: `threads` (1), `provider` (`cpu` or `openvino`).

    Raises: WattscanError.
    """
    onnxruntime = sdk("onnxruntime", "onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads = int(settings.get("threads", 1))
    provider = str(settings.get("provider", "cpu"))
    if provider == "openvino":
        _add_openvino(onnxruntime, options, threads)
    elif provider != "cpu":
        raise WattscanError(f"onnxruntime has no provider {provider!r} here: cpu or openvino")
    try:
        session = onnxruntime.InferenceSession(str(path), options)
    except Exception as error:  # its exceptions share no base class but this
        raise WattscanError(
            f"ONNX Runtime cannot load {path}: {str(error).splitlines()[0]}"
        ) from None
    return OnnxRuntimeEngine(session)


def _add_openvino(onnxruntime: Any, options: Any, threads: int) -> None:
    plugin = sdk("onnxruntime_ep_openvino", "onnxruntime")
    if not _devices(onnxruntime):
        onnxruntime.register_execution_provider_library("openvino", plugin.get_library_path())
    devices = _devices(onnxruntime)
    if not devices:
        raise WattscanError(
            "ONNX Runtime's OpenVINO provider admits Intel processors only, and this is none: "
            "set the target's backend to openvino, which has the same engine"
        )
    # The provider ignores its own thread option; OpenVINO's configuration counts.
    load_config = f'{{"CPU": {{"INFERENCE_NUM_THREADS": "{threads}"}}}}'
    options.add_provider_for_devices(devices[:1], {"load_config": load_config})


def _devices(onnxruntime: Any) -> list[Any]:
    # The plug-in also lists an `.AUTO` provider, which cannot be mixed with the plain one.
    return [d for d in onnxruntime.get_ep_devices() if d.ep_name == _OPENVINO]


class OnnxRuntimeEngine:
    """A session. One thread at a time."""

    def __init__(self, session: Any) -> None:
        self.provider: str = session.get_providers()[0]
        self._session = session
        self._input: str = session.get_inputs()[0].name

    def infer(self, batch: Tensor) -> Tensor:
        """(N, H, W, C) -> logits, as `contracts.Engine` says."""
        return channels_last(self._session.run(None, {self._input: channels_first(batch)})[0])

    def close(self) -> None:
        """Let the runtime free the model."""
        self._session = None
