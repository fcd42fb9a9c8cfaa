"""One frozen graph to two files: whole integer graphs that agree (needs the train extra)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wattscan import plugins
from wattscan.contracts import Engine, Tensor

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="the exporters need the train extra")
pytest.importorskip("litert_torch", reason="the exporters need the train extra")

from wattscan.training import edge_tpu, export, graph, networks, tflite_file  # noqa: E402

SMALL: dict[str, tuple[tuple[int, int, int], int, dict[str, Any]]] = {
    "resunet": ((32, 32, 3), 1, {"width": 4, "depth": 3}),
    "resnet": ((32, 32, 3), 5, {"block": "basic", "width": 4, "blocks": [1, 2]}),
    "densenet": ((32, 32, 3), 5, {"growth": 4, "blocks": [2, 2]}),
}


@pytest.fixture(scope="module", params=SMALL)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The frozen graph, some images (N, H, W, C), and the folder of its four files."""
    shape, outputs, settings = SMALL[request.param]
    torch.manual_seed(0)
    network = networks.build(request.param, shape, outputs, settings).train()
    images = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    planes = torch.from_numpy(images).permute(0, 3, 1, 2)
    for _ in range(30):
        network(planes)
    unrounded = graph.folded(network)
    prepared = graph.prepared(unrounded).train()
    prepared(planes)
    frozen = graph.freeze(prepared)
    folder = tmp_path_factory.mktemp(request.param)
    for name, made in (("fp32", unrounded), ("int8", frozen)):
        integer = name == "int8"
        export.to_onnx(made, shape, folder / f"{name}.onnx", integer=integer)
        export.to_tflite(made, shape, folder / f"{name}.tflite", integer=integer)
    return frozen, images, folder


def answers(backend: str, path: Path, images: Tensor) -> Tensor:
    engine: Engine = plugins.backend(backend).open_engine(path, {"threads": 1})
    return np.concatenate([engine.infer(image[np.newaxis]) for image in images])


def test_every_operator_of_the_integer_file_is_on_the_edge_tpus_list(exported: Any) -> None:
    path = exported[2] / "int8.tflite"
    assert tflite_file.problems(path, datatype="int8") == []
    judged = edge_tpu.operators(path)
    assert len(judged) > 5
    assert [(op.index, op.name, op.problems) for op in judged if op.problems] == []


def test_a_float_file_is_not_taken(exported: Any) -> None:
    path = exported[2] / "fp32.tflite"
    assert any("FLOAT32" in problem for problem in tflite_file.problems(path, datatype="int8"))
    assert all("FLOAT32" in " ".join(op.problems) for op in edge_tpu.operators(path))


def test_fp32_is_the_same_in_both_formats(exported: Any) -> None:
    _, images, folder = exported
    one = answers("onnxruntime", folder / "fp32.onnx", images)
    other = answers("litert", folder / "fp32.tflite", images)
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "litert"])
def test_every_engine_gives_the_frozen_graphs_integers(exported: Any, backend: str) -> None:
    """Within two steps of the output's grid on average: engines round halves and fuse in their own
    ways, and untrained networks carry that on."""
    frozen, images, folder = exported
    graph.set_mode(frozen, "uint8")
    with torch.no_grad():
        expected = frozen(torch.from_numpy(images).permute(0, 3, 1, 2))
    expected = expected.permute(0, 2, 3, 1).numpy() if expected.ndim == 4 else expected.numpy()
    form = plugins.backend(backend).FORMAT
    got = answers(backend, folder / f"int8.{form}", images)
    step = np.diff(np.unique(expected)).min()
    assert np.abs(got - expected).mean() <= 2 * step
    assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.995


def test_the_onnx_file_takes_any_batch(exported: Any) -> None:
    _, images, folder = exported
    engine = plugins.backend("onnxruntime").open_engine(folder / "int8.onnx", {"threads": 1})
    together = engine.infer(images)
    one_by_one = answers("onnxruntime", folder / "int8.onnx", images)
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)


def test_no_path_of_this_machine_is_in_a_file(exported: Any) -> None:
    for path in exported[2].iterdir():
        content = path.read_bytes()
        for word in (b"site-packages", b"/home/", b"/work", b"/tmp/"):
            assert word not in content, path.name
