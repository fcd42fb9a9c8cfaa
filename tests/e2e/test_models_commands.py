"""`wattscan models` from a public data set's folder to checked artifacts (train extra)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from look_alikes import write_chest, write_lgg, write_nerve
from wattscan import cli

pytest.importorskip("torch", reason="training needs the train extra")

pytestmark = pytest.mark.slow

NERVE = "nerve-ultrasound"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def wattscan(*words: str) -> int:
    return cli.main(["models", *words])


def test_from_a_download_to_checked_artifacts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(write_nerve(tmp_path / "download", patients=10, frames=4))
    work = ["--task", NERVE, "--data", data, "--work", "work"]
    assert wattscan("train", *work, "--epochs", "1") == 0
    assert wattscan("quantize", *work, "--epochs", "1") == 0
    assert wattscan("export", *work, "--models", "mine") == 0
    card = json.loads((tmp_path / "mine" / f"{NERVE}-int8" / "card.json").read_text())
    assert card["data"]["split"] == "patient"
    assert card["quality"][0]["dataset"] == "kaggle-ultrasound-nerve"
    assert {"ptq", "difference"} <= set(card["quality"][0])
    assert "phantom" not in json.dumps(card)
    assert str(tmp_path) not in json.dumps(card)
    capsys.readouterr()
    assert wattscan("check", "--models", "mine", "--data", f"{NERVE}={data}") == 0
    assert " 0 failed" in capsys.readouterr().out
    assert wattscan("check", "--models", "mine") == 1
    assert "give its folder with --data" in capsys.readouterr().out


def test_the_papers_own_split_is_named_as_leaking(tmp_path: Path) -> None:
    data = str(write_lgg(tmp_path / "download"))
    words = ["--task", "brain-mri", "--data", data, "--epochs", "1"]
    assert wattscan("train", *words, "--split", "image-leaking") == 0
    import torch

    saved = torch.load(tmp_path / "build/models/brain-mri/fp32.pt", weights_only=True)
    assert "leaking" in saved["provenance"]["data"]["name"]


def test_the_radiographs_table_is_read(tmp_path: Path) -> None:
    data = str(write_chest(tmp_path / "download"))
    assert wattscan("train", "--task", "chest-xray", "--data", data, "--epochs", "1") == 0


@pytest.mark.parametrize("task", ["nerve-ultrasound", "brain-mri", "chest-xray"])
def test_a_wrong_folder_is_told_before_anything_is_made(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_bytes(b"")
    assert wattscan("train", "--task", task, "--data", "holiday") == 2
    told = capsys.readouterr().err
    assert "holiday holds no" in told
    assert "Traceback" not in told
    assert not (tmp_path / "build").exists()
