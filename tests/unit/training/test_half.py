"""The FP16 variant: written from the shipped FP32 files, checked for its form, scored."""

import json
import shutil
from types import ModuleType

import numpy as np
import pytest

from wattscan import plugins
from wattscan.artifacts import find_cards, load_card, model_file
from wattscan.cli import main
from wattscan.contracts import Format, WattscanError
from wattscan.installation import models_folder
from wattscan.training import half, onnx_file, tflite_file
from wattscan.training.consistency import card_line, pair_lines

pytestmark = pytest.mark.slow

onnx = pytest.importorskip("onnx", reason="writing an ONNX file needs the train extra")
pytest.importorskip("ai_edge_quantizer", reason="writing a TFLite file needs the train extra")

TASK = "nerve-ultrasound"


@pytest.fixture
def models(tmp_path):
    """The FP32 model, whose card names a small held-out set."""
    folder = shutil.copytree(models_folder() / f"{TASK}-fp32", tmp_path / f"{TASK}-fp32")
    card = json.loads((folder / "card.json").read_text())
    card["data"] = {**card["data"], "test_count": 12}
    (folder / "card.json").write_text(json.dumps(card))
    return tmp_path


def test_it_is_half_the_file_has_the_form_and_a_score_of_its_own(models):
    assert main(["models", "export", "--task", TASK, "--fp16", "--models", str(models)]) == 0
    fp32, fp16 = (load_card(models / f"{TASK}-{name}" / "card.json") for name in ("fp32", "fp16"))
    assert (fp16.precision, fp16.datatype) == ("fp16", "fp16")
    sizes = {}
    forms: tuple[tuple[Format, ModuleType], ...] = (("onnx", onnx_file), ("tflite", tflite_file))
    for form, module in forms:
        paths = [model_file(card, form).path for card in (fp32, fp16)]
        sizes[form] = [path.stat().st_size for path in paths]
        assert module.problems(paths[1], datatype="fp16") == []
        assert any("have 32 bits" in found for found in module.problems(paths[0], datatype="fp16"))
    assert all(0.49 < half / whole < 0.53 for whole, half in sizes.values())
    (quality,) = fp16.quality
    assert quality.difference.lower <= quality.difference.estimate <= quality.difference.upper
    assert abs(quality.difference.estimate) < 0.01
    lines = [card_line(fp16, plugins.task(TASK)), *pair_lines([fp16])]
    assert lines[0].verdict == "ok"
    details = fp16.details
    assert details["data"] == fp32.details["data"] and "--fp16" in details["export"]["command"]
    assert details["export"]["from"]["onnx"] == model_file(fp32, "onnx").sha256


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "litert"])
def test_a_processors_engine_answers_alike_and_widens_it(models, backend):
    half.add(models, TASK, None, "made in a test")
    fp32, fp16 = (load_card(models / f"{TASK}-{name}" / "card.json") for name in ("fp32", "fp16"))
    module = plugins.backend(backend)
    image = np.random.default_rng(3).standard_normal((1, 80, 112, 1)).astype(np.float32)
    answers = []
    for card in (fp32, fp16):
        engine = module.open_engine(model_file(card, module.FORMAT).path, {"threads": 1})
        answers.append(engine.infer(image))
        assert "fp16" not in getattr(engine, "computes_in", ("fp32", "int8"))
        engine.close()
    assert answers[0].dtype == answers[1].dtype == np.float32
    assert np.corrcoef(answers[0].ravel(), answers[1].ravel())[0, 1] > 0.999


def test_a_folder_without_the_fp32_model_is_told_and_nothing_is_left(models):
    with pytest.raises(WattscanError, match="has no FP32 model of 'brain-mri'"):
        half.add(models, "brain-mri", None, "made in a test")
    (models / f"{TASK}-fp32" / "1" / "model.tflite").unlink()
    with pytest.raises(WattscanError, match="No such file"):
        half.add(models, TASK, None, "made in a test")
    assert [card.name for card in find_cards(models)] == [f"{TASK}-fp32"]
    assert not (models / f"{TASK}-fp16").exists()
    kept = models / f"{TASK}-fp16" / "7" / "notes"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    with pytest.raises(WattscanError, match="No such file"):
        half.add(models, TASK, None, "made in a test")
    assert kept.read_text() == "mine"
    assert not [path for path in models.iterdir() if path.name.startswith(".")]
