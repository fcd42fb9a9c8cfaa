"""The models in the repository keep what their cards promise."""

import pytest

from wattscan import plugins
from wattscan.artifacts import find_cards, model_file
from wattscan.contracts import ModelCard
from wattscan.installation import models_folder

CARDS = find_cards(models_folder())


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_files_are_the_ones_described(card: ModelCard) -> None:
    assert {file.format for file in card.files} == {"onnx", "tflite"}
    for file in card.files:
        model_file(card, file.format)
    folder = models_folder() / card.name
    kept = {path for path in folder.rglob("*") if path.is_file()}
    assert kept == {folder / "card.json", *(file.path for file in card.files)}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_no_seed_of_training_is_the_held_out_seed(card: ModelCard) -> None:
    data = card.details["data"]
    seeds = [data["train_seed"], data["validation_seed"], data["test_seed"]]
    assert len(set(seeds)) == 3


def test_every_task_has_its_models_and_they_stay_small() -> None:
    assert {(card.task, card.precision) for card in CARDS} == {
        (task, precision) for task in plugins.names("tasks") for precision in ("fp32", "int8")
    }
    files = [path for path in models_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 100e6


@pytest.mark.parametrize("task", plugins.names("tasks"))
def test_int8_keeps_the_quality_of_fp32(task: str) -> None:
    fp32, int8 = sorted((c for c in CARDS if c.task == task), key=lambda c: c.precision)
    before, after = fp32.quality[0], int8.quality[0]
    assert abs(after.value - before.value) <= 0.005
    assert after.value >= 0.99 * before.value
    # Hard enough to tell variants apart.
    limits = {"dice": (0.80, 0.98), "auc_roc": (0.75, 0.97)}[before.metric]
    assert limits[0] < before.value < limits[1]


@pytest.mark.parametrize("task", plugins.names("tasks"))
def test_the_int8_card_compares(task: str) -> None:
    int8 = next(c for c in CARDS if (c.task, c.precision) == (task, "int8")).quality[0]
    fp32 = next(c for c in CARDS if (c.task, c.precision) == (task, "fp32")).quality[0]
    assert int8.ptq is not None
    assert int8.difference is not None
    assert int8.difference.lower <= int8.difference.estimate <= int8.difference.upper
    assert int8.difference.estimate == pytest.approx(int8.value - fp32.value, abs=2e-6)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_card_says_where_the_model_comes_from(card: ModelCard) -> None:
    assert "Not for diagnosis" in card.details["intended_use"]
    assert "phantom" in card.details["data"]["name"]
    stages = ["fit", "export"] + (["quantize"] if card.precision == "int8" else [])
    for stage in stages:
        assert card.details[stage]["command"].startswith("wattscan models ")
        assert card.details[stage]["date"] >= "2026-11-22"
    assert isinstance(card.details["seed"], int)
