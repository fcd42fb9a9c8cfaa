"""ONNX Runtime's providers that this machine has not: told, never replaced in silence."""

from types import SimpleNamespace

import pytest

from wattscan.artifacts import find_cards, model_file
from wattscan.backends import onnxruntime as backend
from wattscan.contracts import EngineAbsent, WattscanError
from wattscan.installation import models_folder
from wattscan.targets import load_target
from wattscan.wire import onnx_names_pb2

PATH = model_file(find_cards(models_folder())[0], "onnx").path


@pytest.mark.parametrize(
    "provider, advice",
    [("cuda", "onnxruntime-gpu"), ("tensorrt", "TensorRT's libraries"), ("coreml", "macOS")],
)
def test_a_provider_that_the_build_has_not(provider, advice):
    with pytest.raises(EngineAbsent, match=advice):
        backend.open_engine(PATH, {"provider": provider})


@pytest.mark.parametrize(
    "target, advice",
    [
        ("quadro-p6000", "CUDA 12"),
        (
            "jetson-nano",
            "of its release: build ONNX Runtime 1.11 from source (for JetPack 4, no build for "
            "Python 3.10 is known)",
        ),
        ("jetson-orin", "pypi.jetson-ai-lab.io/jp6"),
        ("rtx-a6000", "wattscan[nvidia]"),
    ],
)
def test_the_advice_is_one_that_works_on_the_target(target, advice):
    """CUDA 13 has dropped Pascal, and PyPI has nothing for a Jetson."""
    with pytest.raises(EngineAbsent) as caught:
        backend.open_engine(PATH, load_target(target).backend_settings)
    assert advice in str(caught.value)
    assert ("wattscan[nvidia]" in str(caught.value)) == (target == "rtx-a6000")
    assert "\n" not in str(caught.value)


def test_a_provider_that_the_build_has_and_the_machine_has_not(monkeypatch):
    """It would go on with the processor."""
    import onnxruntime

    available = [*onnxruntime.get_available_providers(), "CUDAExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    session = onnxruntime.InferenceSession

    def fall_back(path, options, providers):
        return session(path, options, providers=[p for p in providers if p.startswith("CPU")])

    monkeypatch.setattr(onnxruntime, "InferenceSession", fall_back)
    with pytest.raises(EngineAbsent, match="could not start CUDAExecutionProvider"):
        backend.open_engine(PATH, {"provider": "cuda"})


def test_an_unknown_provider():
    with pytest.raises(WattscanError, match="no provider 'npu'"):
        backend.open_engine(PATH, {"provider": "npu"})


@pytest.mark.parametrize(("halved", "options"), [(False, None), (True, "True")])
def test_tensorrt_computes_a_model_of_16_bits_in_16_bits_and_no_other(
    monkeypatch, tmp_path, halved, options
):
    """Told by the file's own weights; TensorRT itself is not on this machine."""
    import onnxruntime

    path = tmp_path / "model.onnx"
    weights = onnx_names_pb2.Named(name="w", data_type=10 if halved else 1)
    model = onnx_names_pb2.Model(graph=onnx_names_pb2.Graph(initializer=[weights]))
    path.write_bytes(model.SerializeToString())
    available = [*onnxruntime.get_available_providers(), "TensorrtExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    asked = {}

    def session(path, options, providers, provider_options=None):
        asked.update(zip(providers, provider_options or [{}, {}], strict=True))
        return SimpleNamespace(get_providers=lambda: providers, get_inputs=list, get_outputs=list)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    engine = backend.open_engine(path, {"provider": "tensorrt"})
    assert engine.computes_in == {"fp32", "fp16"}
    assert asked["TensorrtExecutionProvider"].get("trt_fp16_enable") == options
