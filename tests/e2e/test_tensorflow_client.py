"""TensorFlow Serving's stock client, in its own process."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from direct import preprocessed, probabilities
from wattscan import plugins

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "clients" / "tensorflow" / "bin" / "python"
CLIENT = ROOT / "tests" / "clients" / "tensorflow_client.py"


@pytest.fixture
def ask(service):
    """Runs the stock client in its own process; what it prints."""
    if not PYTHON.exists():
        pytest.skip("the TensorFlow Serving client is not installed: make clients-tensorflow")

    def run(*arguments):
        command = [PYTHON, CLIENT, service.ready["grpc"], *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize(
    ("name", "model", "output"),
    [
        pytest.param("brain-mri", "brain-mri-int8", "mask", marks=pytest.mark.slow),
        pytest.param("nerve-ultrasound", "nerve-ultrasound-fp32", "mask", marks=pytest.mark.slow),
        ("chest-xray", "chest-xray-int8", "findings"),
    ],
)
def test_the_stock_client_gets_the_engines_numbers(ask, tmp_path, name, model, output):
    _, batch = preprocessed(plugins.task(name), model, 2)
    np.save(tmp_path / "image.npy", batch)
    checks = ["predict_typed", "predict", "model_metadata", "model_status"]
    answers = ask(
        *(word for check in checks for word in ("--check", check)),
        *("--model", model, "--metadata-field", "signature_def"),
        *("--input", f"image={tmp_path / 'image.npy'}", "--output", tmp_path / "out.npy"),
    )
    expected = probabilities(model, batch)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-5, atol=1e-6)
    shape = list(expected.shape)
    spec = {"name": model, "version": 1, "version_label": "", "signature_name": "serving_default"}
    assert answers["predict"] == answers["predict_typed"]
    assert answers["predict"] == {
        "model_spec": spec,
        "outputs": {output: {"dtype": "float32", "shape": shape, "in_content": True}},
    }
    metadata = answers["model_metadata"]
    assert metadata["model_spec"] == {**spec, "signature_name": ""}
    signature = metadata["signatures"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    image_shape = [-1, *batch.shape[1:]]
    assert signature["inputs"] == {
        "image": {"name": "image:0", "dtype": "float32", "shape": image_shape}
    }
    assert signature["outputs"][output]["shape"] == [-1, *shape[1:]]
    assert answers["model_status"] == [
        {"version": 1, "state": "AVAILABLE", "error_code": 0, "error_message": ""}
    ]


@pytest.mark.slow
def test_the_stock_client_classifies_tensors(ask, tmp_path):
    task, model = plugins.task("chest-xray"), "chest-xray-fp32"
    _, batch = preprocessed(task, model, 2)
    np.save(tmp_path / "image.npy", batch)
    answers = ask(
        *("--check", "classify", "--check", "classify_with_context"),
        *("--check", "regress", "--check", "multi_inference"),
        *("--model", model, "--input", f"image={tmp_path / 'image.npy'}"),
    )
    expected = probabilities(model, batch)
    assert answers["classify"]["model_spec"]["version"] == 1
    check_findings(answers["classify"]["examples"], expected, task)
    check_findings(answers["classify_with_context"]["examples"], expected[:1], task)
    assert answers["regress"]["error"] == "UNIMPLEMENTED"
    assert answers["multi_inference"]["error"] == "UNIMPLEMENTED"


@pytest.mark.slow
def test_the_stock_client_classifies_an_image_file(ask, tmp_path):
    task, model = plugins.task("chest-xray"), "chest-xray-fp32"
    images, batch = preprocessed(task, model, 1)
    Image.fromarray(images[0]).save(tmp_path / "image.png")
    answers = ask(
        *("--check", "classify", "--check", "classify_with_context"),
        *("--model", model, "--encoded", tmp_path / "image.png"),
    )
    expected = probabilities(model, batch)
    check_findings(answers["classify"]["examples"], expected, task)
    check_findings(answers["classify_with_context"]["examples"], expected, task)


def check_findings(examples, expected, task):
    assert [[one["label"] for one in example] for example in examples] == (
        [list(task.findings)] * len(expected)
    )
    scores = [[one["score"] for one in example] for example in examples]
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
