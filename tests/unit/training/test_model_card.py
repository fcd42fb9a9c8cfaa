"""A card that is written is the card that is read."""

import json
from pathlib import Path

import pytest

from wattscan import plugins
from wattscan.artifacts import load_card, model_file
from wattscan.contracts import Difference, Normalisation, Quality, WattscanError
from wattscan.training import card

DATA = {"kind": "phantom", "name": "nerve-ultrasound-phantom", "test_count": 2, "test_seed": 7}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    versioned = tmp_path / "nerve-ultrasound-int8" / card.VERSION
    versioned.mkdir(parents=True)
    for name in card.FILE_NAMES.values():
        (versioned / name).write_bytes(name.encode())
    return versioned.parent


def write(folder: Path) -> Path:
    made = card.Made(
        precision="int8",
        network="unet (width 16, depth 4)",
        normalisation=Normalisation(mean=98.06, std=51.57),
        score=card.Scored(0.91234567, ptq=0.5, difference=Difference(-0.001, -0.002, 0.0015)),
        provenance={"seed": 5, "data": DATA},
    )
    return card.write(folder, plugins.task("nerve-ultrasound"), made)


def test_round_trip(folder: Path) -> None:
    read = load_card(write(folder))
    assert read.name == "nerve-ultrasound-int8"
    assert read.version == "1"
    assert read.network == "unet (width 16, depth 4)"
    assert read.normalisation == Normalisation(98.06, 51.57)
    difference = Difference(-0.001, -0.002, 0.0015)
    quality = Quality("dice", "nerve-ultrasound-phantom", 0.912346, 0.5, difference)
    assert read.quality == (quality,)
    assert read.details["data"]["test_seed"] == 7
    for form in ("onnx", "tflite"):
        assert model_file(read, form).path.read_bytes() == card.FILE_NAMES[form].encode()


def test_it_says_what_the_model_is_not_for(folder: Path) -> None:
    data = json.loads(write(folder).read_text())
    assert "Not for diagnosis" in data["intended_use"]
    assert "phantom" in data["intended_use"]
    assert data["licence"]


def test_no_card_without_its_files(folder: Path) -> None:
    (folder / card.VERSION / "model.onnx").unlink()
    with pytest.raises(WattscanError, match=r"model\.onnx"):
        write(folder)
    assert not (folder / "card.json").exists()


def test_a_model_of_patients_images_does_not_call_itself_a_phantoms(folder: Path) -> None:
    data = {"kind": "clinical", "name": "lgg-mri-kaggle_3m"}
    made = card.Made("fp32", "resunet", Normalisation(0.0, 1.0), card.Scored(0.9), {"data": data})
    path = card.write(folder, plugins.task("brain-mri"), made)
    read = json.loads(path.read_text())
    assert "phantom" not in read["intended_use"]
    assert "Not for diagnosis" in read["intended_use"]
    assert load_card(path).quality == (Quality("dice", "lgg-mri-kaggle_3m", 0.9),)


@pytest.mark.parametrize("figure", [float("nan"), 1.5])
def test_a_comparison_that_is_no_ratio_is_refused(folder: Path, figure: float) -> None:
    path = write(folder)
    data = json.loads(path.read_text())
    data["quality"][0]["difference"]["lower"] = figure
    path.write_text(json.dumps(data))
    with pytest.raises(WattscanError, match="not between -1 and 1"):
        load_card(path)
