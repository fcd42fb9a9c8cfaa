"""A card that is written is the card that is read."""

import json
from pathlib import Path

import pytest

from wattscan import plugins
from wattscan.artifacts import load_card, model_file
from wattscan.contracts import Normalisation, Quality, WattscanError
from wattscan.training import card


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
        score=0.91234567,
        provenance={"seed": 5, "data": {"kind": "phantom", "test_count": 2, "test_seed": 7}},
    )
    return card.write(folder, plugins.task("nerve-ultrasound"), made)


def test_round_trip(folder: Path) -> None:
    read = load_card(write(folder))
    assert read.name == "nerve-ultrasound-int8"
    assert read.version == "1"
    assert read.network == "unet (width 16, depth 4)"
    assert read.normalisation == Normalisation(98.06, 51.57)
    assert read.quality == (Quality("dice", "nerve-ultrasound-phantom", 0.912346),)
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
