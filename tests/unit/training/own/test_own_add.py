"""A file of the user's own in a model folder: its card, the listing, the checks, and its name."""

import json
import shutil
from argparse import Namespace

import numpy as np
import pytest
from graphs import good

from wattscan.artifacts import find_cards, is_own
from wattscan.bench.offered import in_folder
from wattscan.contracts import Quality, WattscanError
from wattscan.installation import models_folder
from wattscan.serving.repository.folder import find_models
from wattscan.training.check import findings
from wattscan.training.inventory import list_models
from wattscan.training.own.add import ModelEntry, add

QUALITY = (Quality("dice", "ours, 200 scans", 0.91),)


@pytest.fixture
def models(tmp_path):
    """A folder with `lesion-fp32`, and inputs that go with it."""
    (tmp_path / "inputs").mkdir()
    for number in range(3):
        array = np.full((1, 2, 8, 8), number, np.float32)
        np.save(tmp_path / "inputs" / f"{number}.npy", array)
    entry = ModelEntry(
        good(tmp_path / "m.onnx"),
        "lesion",
        stated={"licence": "MIT", "data": "ours"},
        quality=QUALITY,
        samples=tmp_path / "inputs",
    )
    add(tmp_path / "models", entry)
    return tmp_path / "models"


def verdicts(models):
    return {line.check: line.verdict for line in findings(models, {})}


def test_the_card_says_what_was_said_and_what_was_not(models):
    card = json.loads((models / "lesion-fp32" / "card.json").read_text())
    assert (card["licence"], card["data"], card["split"]) == ("MIT", "ours", "not stated")
    assert card["inputs"] == [{"name": "x", "dtype": "float32", "shape": [-1, 2, 8, 8]}]
    (found,) = find_cards(models)
    assert found.is_own and found.name == "lesion-fp32" and found.quality == QUALITY
    assert is_own(models / "lesion-fp32" / "card.json")


def test_it_is_listed_and_checked(models):
    assert "lesion" in list_models(models, as_json=False)
    assert "dice 0.9100 on ours" in list_models(models, as_json=False)
    assert json.loads(list_models(models, as_json=True))[0]["name"] == "lesion-fp32"
    found = verdicts(models)
    assert found["onnx digest"] == found["onnxruntime"] == found["openvino = onnxruntime"] == "ok"


def test_a_file_that_was_changed_fails(models):
    with (models / "lesion-fp32" / "1" / "model.onnx").open("ab") as file:
        file.write(b"\x32\x01a")
    assert verdicts(models) == {"onnx digest": "FAILED"}


def test_it_is_a_plain_model_to_the_service_and_to_bench(models):
    (found,) = find_models(models)
    assert found.name == "lesion-fp32" and not found.clinical and list(found.versions) == [1]
    assert in_folder(models, plain=True) == {"lesion": ["fp32"]}
    assert in_folder(models, plain=False) == {}


def test_beside_a_tasks_models_each_stays_what_it_is(models):
    shutil.copytree(models_folder() / "nerve-ultrasound-fp32", models / "nerve-ultrasound-fp32")
    assert in_folder(models, plain=True) == {"lesion": ["fp32"]}
    assert in_folder(models, plain=False) == {"nerve-ultrasound": ["fp32"]}
    assert {each.name: each.clinical for each in find_models(models)} == {
        "lesion-fp32": False, "nerve-ultrasound-fp32": True,
    }  # fmt: skip


def test_one_of_that_name_is_written_over_when_asked(models, tmp_path):
    entry = ModelEntry(good(tmp_path / "other.onnx"), "lesion")
    with pytest.raises(WattscanError, match=r"there is a model lesion-fp32 .* with --replace"):
        add(models, entry)
    add(models, entry, over=True)
    (card,) = find_cards(models)
    assert card.network == "other.onnx" and card.quality == ()
    assert [path.name for path in models.iterdir()] == ["lesion-fp32"]


@pytest.mark.parametrize(("name", "variant"), [
    ("a b", ""), ("../x", ""), ("lesion", "mine"), ("", ""),
])  # fmt: skip
def test_a_name_that_cannot_be(tmp_path, name, variant):
    entry = ModelEntry(good(tmp_path / "m.onnx"), name, variant)
    with pytest.raises(WattscanError, match="cannot be a model's name"):
        add(tmp_path / "models", entry)


def test_inputs_that_do_not_fit_are_told_before_anything_is_written(tmp_path):
    (tmp_path / "inputs").mkdir()
    np.save(tmp_path / "inputs" / "a.npy", np.zeros((3, 3), np.float32))
    entry = ModelEntry(good(tmp_path / "m.onnx"), "lesion", samples=tmp_path / "inputs")
    with pytest.raises(WattscanError, match="and x takes"):
        add(tmp_path / "models", entry)
    assert not (tmp_path / "models").exists()


def test_a_score_needs_its_metric_and_data_set():
    from wattscan.training.own.cli import _quality

    with pytest.raises(WattscanError, match="a score needs all three"):
        _quality(Namespace(metric="dice", score=0.9, dataset=None))
    with pytest.raises(WattscanError, match="--score is 9"):
        _quality(Namespace(metric="dice", score=9, dataset="d"))
