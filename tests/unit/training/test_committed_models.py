"""The models in the repository keep what their cards promise."""

import pytest

from wattscan.artifacts import default_models, find_cards, model_file
from wattscan.contracts import ModelCard

CARDS = find_cards(default_models())


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_files_are_the_ones_described(card: ModelCard) -> None:
    assert {file.format for file in card.files} == {"onnx", "tflite"}
    for file in card.files:
        model_file(card, file.format)
    folder = default_models() / card.name
    kept = {path for path in folder.rglob("*") if path.is_file()}
    assert kept == {folder / "card.json", *(file.path for file in card.files)}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_no_seed_of_training_is_the_held_out_seed(card: ModelCard) -> None:
    data = card.details["data"]
    seeds = [data["train_seed"], data["validation_seed"], data["test_seed"]]
    assert len(set(seeds)) == 3


@pytest.mark.parametrize("task", sorted({card.task for card in CARDS}))
def test_int8_keeps_the_quality_of_fp32(task: str) -> None:
    fp32, int8 = sorted((c for c in CARDS if c.task == task), key=lambda c: c.precision)
    assert (fp32.precision, int8.precision) == ("fp32", "int8")
    assert int8.quality[0].value > fp32.quality[0].value - 0.005
    assert int8.quality[0].value >= 0.99 * fp32.quality[0].value
    assert 0.80 < fp32.quality[0].value < 0.97  # hard enough to tell variants apart
