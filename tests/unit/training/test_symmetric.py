"""TensorRT's form of an INT8 model: written from the shipped file, checked for its form, scored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from wattscan import plugins
from wattscan.artifacts import find_cards, load_card, model_file, sha256
from wattscan.cli import main
from wattscan.contracts import WattscanError
from wattscan.installation import models_folder
from wattscan.training import engines, onnx_file
from wattscan.training.check import findings
from wattscan.training.consistency import card_line
from wattscan.training.data import inputs
from wattscan.training.symmetric import add, write_symmetric

pytestmark = pytest.mark.slow

onnx = pytest.importorskip("onnx", reason="writing an ONNX file needs the train extra")

TASK = "nerve-ultrasound"
NAME = f"{TASK}-int8"


@pytest.fixture
def models(tmp_path):
    for precision in ("fp32", "int8"):
        shutil.copytree(models_folder() / f"{TASK}-{precision}", tmp_path / f"{TASK}-{precision}")
    return tmp_path


def answers(path: Path, images):
    backend = pytest.importorskip("wattscan.backends.onnxruntime")
    engine = backend.open_engine(path, {"threads": 1})
    try:
        return engine.infer(images)
    finally:
        engine.close()


def without_zero_points(path):
    model = onnx.load(path)
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            del node.input[2:]
    onnx.save(model, path)


def test_it_has_the_form_and_computes_nearly_the_same(models):
    path = add(models, TASK)
    assert path == models / NAME / "1" / "model.symmetric.onnx"
    assert onnx_file.problems(path, datatype="int8", symmetric=True) == []
    plain = models / NAME / "1" / "model.onnx"
    found = onnx_file.problems(plain, datatype="int8", symmetric=True)
    for what in ("not int8", "a zero point that is not 0", "a bias that is no float constant"):
        assert any(what in problem for problem in found)
    assert any("not uint8" in problem for problem in onnx_file.problems(path, datatype="int8"))
    (card,) = [c for c in find_cards(models) if c.name == NAME]
    task = plugins.task(TASK)
    images = inputs(task, task.phantom(4, 1).images, card.normalisation)
    one, other = answers(plain, images), answers(path, images)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99
    # Another step of rounding, and no copy of the file.
    assert not np.array_equal(one, other)


def test_the_card_tells_of_it_once(models):
    add(models, TASK)
    path = add(models, TASK)
    (card,) = [c for c in find_cards(models) if c.name == NAME]
    assert [file.format for file in card.files] == ["onnx", "tflite", "onnx-symmetric"]
    assert model_file(card, "onnx-symmetric").path == path


def test_check_looks_at_its_form_and_its_score(models, monkeypatch):
    add(models, TASK)
    monkeypatch.setattr(engines, "_choices", lambda: [engines._REFERENCE, engines._SYMMETRIC])
    lines = {(line.model, line.check): line for line in findings(models, {})}
    assert lines[NAME, "card"].verdict == "ok"
    structure = lines[NAME, "onnx-symmetric structure"]
    assert (structure.verdict, structure.note.split(", ")[-2:]) == (
        "ok",
        ["all zero points 0", "biases float"],
    )
    assert lines[NAME, "onnxruntime onnx-symmetric score"].verdict == "ok"


def test_fp32_has_no_such_form(models):
    card = models / f"{TASK}-fp32" / "card.json"
    told = json.loads(card.read_text())
    told["files"].append({**told["files"][0], "format": "onnx-symmetric"})
    card.write_text(json.dumps(told))
    assert card_line(load_card(card), plugins.task(TASK)).verdict == "FAILED"


def test_what_cannot_be_written_is_told(models, tmp_path, capsys):
    assert main(["models", "export", "--task", TASK, "--symmetric", "--models", str(models)]) == 0
    assert "model.symmetric.onnx; wattscan models check scores it" in capsys.readouterr().err
    shutil.rmtree(models / NAME)
    with pytest.raises(WattscanError, match="has no INT8 model of 'nerve-ultrasound'"):
        add(models, TASK)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(b"no model"), "is no ONNX file"),
        (
            lambda path: shutil.copy(models_folder() / f"{TASK}-fp32" / "1" / "model.onnx", path),
            "has no such form: Conv .* takes floats",
        ),
        (without_zero_points, "has no constant scale and zero point"),
    ],
)
def test_a_file_that_has_no_such_form_leaves_nothing(models, damage, why):
    folder = models / NAME
    damage(folder / "1" / "model.onnx")
    told = json.loads((folder / "card.json").read_text())
    told["files"][0]["sha256"] = sha256(folder / "1" / "model.onnx")
    (folder / "card.json").write_text(json.dumps(told))
    with pytest.raises(WattscanError, match=why):
        add(models, TASK)
    assert sorted(path.name for path in (folder / "1").iterdir()) == ["model.onnx", "model.tflite"]


def test_a_zero_point_of_signed_numbers_is_refused(models, tmp_path):
    source = models / NAME / "1" / "model.onnx"
    model = onnx.load(source)
    for one in model.graph.initializer:
        array = onnx.numpy_helper.to_array(one)
        if array.dtype == np.int8 and array.ndim == 1 and not array.any():
            one.CopyFrom(onnx.numpy_helper.from_array(array + np.int8(3), one.name))
    onnx.save(model, source)
    with pytest.raises(WattscanError, match="has a zero point that is not 0"):
        write_symmetric(source, tmp_path / "out.onnx")
