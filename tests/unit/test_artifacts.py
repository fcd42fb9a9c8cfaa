import json

import pytest

from wattscan import artifacts
from wattscan.contracts import WattscanError


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "nerve-ultrasound-int8"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(b"weights")
    card = {
        "task": "nerve-ultrasound",
        "precision": "int8",
        "version": "1",
        "network": "u-net",
        "normalisation": {"mean": 98.0, "std": 51.5},
        "quality": [{"metric": "dice", "dataset": "phantom", "value": 0.9}],
        "files": [
            {
                "format": "onnx",
                "path": "1/model.onnx",
                "sha256": artifacts.sha256(folder / "1" / "model.onnx"),
            }
        ],
    }
    (folder / "card.json").write_text(json.dumps(card))
    return tmp_path


def rewrite(models, **changes):
    path = next(models.glob("*/card.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_card_is_read(models):
    (card,) = artifacts.find_cards(models)
    assert card.name == "nerve-ultrasound-int8"
    assert card.quality[0].value == 0.9
    assert artifacts.model_file(card, "onnx").path.read_bytes() == b"weights"


def test_a_changed_file_is_refused(models):
    (models / "nerve-ultrasound-int8" / "1" / "model.onnx").write_bytes(b"other")
    (card,) = artifacts.find_cards(models)
    with pytest.raises(WattscanError, match="is not the file that"):
        artifacts.model_file(card, "onnx")


def test_a_missing_file_is_told(models):
    (models / "nerve-ultrasound-int8" / "1" / "model.onnx").unlink()
    (card,) = artifacts.find_cards(models)
    with pytest.raises(WattscanError, match="No such file"):
        artifacts.model_file(card, "onnx")


def test_a_missing_format_is_told(models):
    (card,) = artifacts.find_cards(models)
    with pytest.raises(WattscanError, match="has no tflite file"):
        artifacts.model_file(card, "tflite")


def test_no_folder_and_an_empty_folder(tmp_path):
    with pytest.raises(WattscanError, match="--models DIR"):
        artifacts.find_cards(tmp_path / "none")
    with pytest.raises(WattscanError, match="make models"):
        artifacts.find_cards(tmp_path)


@pytest.mark.parametrize(
    ("changes", "datatype"),
    [
        ({}, "int8"),
        ({"precision": "int8-ptq"}, "int8"),
        ({"precision": "fp16"}, "fp16"),
        ({"precision": "FP16"}, "fp16"),
        ({"precision": "pruned"}, "fp32"),
        ({"precision": "pruned", "datatype": "int8"}, "int8"),
    ],
)
def test_a_variant_has_any_name_and_its_datatype_from_the_card_or_the_name(
    models, changes, datatype
):
    rewrite(models, **changes)
    (card,) = artifacts.find_cards(models)
    assert card.precision == changes.get("precision", "int8")
    assert card.name.endswith(f"-{card.precision}") and card.datatype == datatype


@pytest.mark.parametrize(
    "changes",
    [
        {"normalisation": {"mean": 1, "std": 0}},
        {"quality": [{"metric": "dice", "dataset": "d", "value": float("nan")}]},
        {"files": [{"format": "onnx", "path": "../../x", "sha256": ""}]},
        {"files": [{"format": "onnx", "path": "/dev/zero", "sha256": ""}]},
        {"precision": "int8/../x"},
        {"precision": 8},
        {"precision": "x" * 41},
        {"datatype": "int4"},
        {"normalisation": {}},
        {"files": 3},
        {"quality": [{"value": "x"}]},
    ],
)
def test_a_wrong_card_is_told_by_name(models, changes):
    rewrite(models, **changes)
    with pytest.raises(WattscanError, match=r"card\.json cannot be read"):
        artifacts.find_cards(models)


def test_a_card_that_is_not_json(models):
    next(models.glob("*/card.json")).write_text("{")
    with pytest.raises(WattscanError, match=r"card\.json cannot be read"):
        artifacts.find_cards(models)
