"""`models check` on real models, whole and damaged."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wattscan import artifacts, plugins
from wattscan.contracts import WattscanError
from wattscan.installation import models_folder
from wattscan.training import consistency, data, engines, inventory, sets
from wattscan.training.check import check, findings

pytest.importorskip("onnxruntime", reason="the check runs the models in the engines")
pytest.importorskip("ai_edge_litert", reason="the check runs the models in the engines")

TASK = "nerve-ultrasound"
NAME = f"{TASK}-int8"
COUNT = 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the models of one task whose cards are about 4 images instead of hundreds."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "CACHE", tmp_path_factory.mktemp("cache"))
        fp32, int8 = (shortened(folder, f"{TASK}-{precision}") for precision in ("fp32", "int8"))
    stated = dict.fromkeys(("estimate", "lower", "upper"), int8 - fp32)
    edit(folder / NAME / "card.json", lambda c: c["quality"][0].update(difference=stated))
    return folder


@pytest.fixture
def models(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of those for a test to damage."""
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    # Four images tell nothing of the difference; hundreds are held to it elsewhere.
    monkeypatch.setattr(consistency, "QUALITY_TOLERANCE", 1.0)
    return Path(shutil.copytree(whole, tmp_path / "models"))


def shortened(folder: Path, name: str) -> float:
    """Copy a model and give its card 4 images; returns their score."""
    shutil.copytree(models_folder() / name, folder / name)
    path = folder / name / "card.json"
    card = artifacts.load_card(path)
    table = {**card.details["data"], "test_count": COUNT}
    task = plugins.task(card.task)
    held_out = sets.held_out(task, table, None)
    choice = engines.EngineSettings("onnxruntime", {}, "onnx")
    job = engines.ScoringJob(card, task, held_out)
    _, logits = engines.run(choice, artifacts.model_file(card, "onnx").path, job, {})
    score = task.score(logits, held_out.truth)
    edit(path, lambda c: (c["data"].update(test_count=COUNT), c["quality"][0].update(value=score)))
    return score


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def failed(models: Path) -> dict[str, str]:
    return {line.check: line.note for line in findings(models, {}) if line.verdict == "FAILED"}


def test_whole_models_pass(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(models, {})
    printed = capsys.readouterr().out
    assert "0 failed" in printed
    assert "litert = onnxruntime" in printed


def test_a_damaged_file_fails(models: Path) -> None:
    path = models / NAME / "1" / "model.tflite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert list(failed(models)) == ["tflite digest"]
    assert not check(models, {})


def test_a_missing_file_fails(models: Path) -> None:
    (models / NAME / "1" / "model.onnx").unlink()
    assert list(failed(models)) == ["onnx digest"]


def test_a_score_that_the_engines_do_not_reach_fails(models: Path) -> None:
    edit(models / NAME / "card.json", lambda c: c["quality"][0].update(value=0.5))
    assert {"onnxruntime score", "litert score"} <= set(failed(models))


def test_a_score_that_is_no_number_is_refused(models: Path) -> None:
    edit(models / NAME / "card.json", lambda c: c["quality"][0].update(value=float("nan")))
    with pytest.raises(WattscanError, match="nan, not between 0 and 1"):
        failed(models)


def test_a_float_graph_that_calls_itself_int8_fails(models: Path) -> None:
    path = models / NAME / "1" / "model.tflite"
    fp32 = models_folder() / "nerve-ultrasound-fp32" / "1" / "model.tflite"
    path.write_bytes(fp32.read_bytes())
    digest = artifacts.sha256(path)
    edit(models / NAME / "card.json", lambda c: named(c, "tflite").update(sha256=digest))
    assert "FLOAT32" in failed(models)["tflite structure"]


def test_a_file_that_is_no_model_fails(models: Path) -> None:
    path = models / NAME / "1" / "model.tflite"
    path.write_bytes(b"not a model")
    digest = artifacts.sha256(path)
    edit(models / NAME / "card.json", lambda c: named(c, "tflite").update(sha256=digest))
    assert "is not a TFLite model" in failed(models)["tflite structure"]


def test_a_card_without_a_held_out_set_fails(models: Path) -> None:
    edit(models / NAME / "card.json", lambda c: c.pop("data"))
    assert "held-out set" in failed(models)


def named(card: dict[str, Any], form: str) -> dict[str, Any]:
    return next(f for f in card["files"] if f["format"] == form)


def test_listing(models: Path) -> None:
    table = inventory.list_models(models, as_json=False)
    assert table.splitlines()[3].split()[:3] == [TASK, "int8", "onnx"]
    assert "dice" in table
    (models / NAME / "1" / "model.onnx").unlink()
    assert "missing" in inventory.list_models(models, as_json=False)
    record = json.loads(inventory.list_models(models, as_json=True))[1]
    sizes = {f["format"]: f["bytes"] for f in record["files"]}
    assert sizes["onnx"] is None
    assert sizes["tflite"] > 100_000


def test_the_operators_are_listed_one_by_one_and_the_compiler_is_not_claimed(models: Path) -> None:
    lines = [line for line in findings(models, {}) if line.check.startswith("edge-tpu")]
    *operators, last = lines
    assert len(operators) == 24
    assert {line.verdict for line in operators} == {"ok"}
    assert last.verdict == "skipped"
    assert "not run" in last.note


def test_an_operator_that_the_edge_tpu_does_not_take_fails(models: Path) -> None:
    path = models / NAME / "1" / "model.tflite"
    path.write_bytes(with_resize_version(path, 3))
    digest = artifacts.sha256(path)
    edit(models / NAME / "card.json", lambda c: named(c, "tflite").update(sha256=digest))
    found = {check: note for check, note in failed(models).items() if "RESIZE" in check}
    assert len(found) == 3
    assert all("version 3, the compiler takes 2" in note for note in found.values())


def with_resize_version(path: Path, version: int) -> bytes:
    schema = plugins.sdk("ai_edge_litert.schema_py_generated", "litert")
    content = bytearray(path.read_bytes())
    model = schema.Model.GetRootAs(content, 0)
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        if code.BuiltinCode() == schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR:
            place = code._tab.Pos + code._tab.Offset(8)  # the third field
            content[place : place + 4] = version.to_bytes(4, "little")
    return bytes(content)


def test_a_model_of_a_public_data_set_wants_its_folder(models: Path) -> None:
    change = {"kind": "clinical", "name": "kaggle-ultrasound-nerve"}
    edit(models / NAME / "card.json", lambda c: c.update(data=change))
    assert "give its folder with --data" in failed(models)["held-out set"]
