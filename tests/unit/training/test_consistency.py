"""Cards that describe half a model, or two that do not belong together."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wattscan import plugins
from wattscan.artifacts import find_cards, load_card
from wattscan.contracts import ModelCard
from wattscan.installation import models_folder
from wattscan.training.consistency import card_line, pair_lines

CARDS = find_cards(models_folder())
NERVE = {card.precision: card for card in CARDS if card.task == "nerve-ultrasound"}
Change = Callable[[dict[str, Any]], object]


def changed(card: ModelCard, tmp_path: Path, change: Change) -> ModelCard:
    data = copy.deepcopy(dict(card.details))
    change(data)
    path = tmp_path / "card.json"
    path.write_text(json.dumps(data))
    return load_card(path)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_committed_cards_are_whole(card: ModelCard) -> None:
    assert card_line(card, plugins.task(card.task)).verdict == "ok"


def test_the_committed_cards_belong_together() -> None:
    lines = list(pair_lines(CARDS))
    assert len(lines) == 3
    assert {line.verdict for line in lines} == {"ok"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["files"].clear(), "its files are none"),
        (lambda c: c["files"].pop(), "its files are onnx"),
        (lambda c: c["files"].extend(c["files"]), "onnx, onnx"),
        (lambda c: c.update(input_shape=[1]), "input_shape is not"),
        (lambda c: c.update(intended_use="for diagnosis"), "does not exclude diagnosis"),
        (lambda c: c.pop("data"), "does not say which data"),
        (lambda c: c.update(data=[]), "does not say which data"),
        (lambda c: c["quality"][0].update(dataset="patients"), "scored on patients"),
        (lambda c: c["quality"].clear(), "does not have one score"),
        (lambda c: c["quality"][0].update(metric="auc_roc"), "does not have one score"),
    ],
)
def test_a_card_that_is_not_whole(change: Change, told: str, tmp_path: Path) -> None:
    line = card_line(changed(NERVE["int8"], tmp_path, change), plugins.task("nerve-ultrasound"))
    assert line.verdict == "FAILED"
    assert told in line.note


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(seed=5), "differ in seed"),
        (lambda c: c["data"].update(train_count=48), "differ in data"),
        (lambda c: c["fit"].update(date="1999-01-01"), "differ in fit"),
        (lambda c: c.update(network="another"), "differ in network"),
        (lambda c: c["normalisation"].update(mean=1.0), "differ in normalisation"),
        (lambda c: c["quality"][0].update(value=0.5), "more than 0.005"),
        (lambda c: c["quality"][0].pop("difference"), "gives no interval"),
        (lambda c: c["quality"][0]["difference"].update(lower=0.9), "does not hold its estimate"),
        (
            lambda c: c["quality"][0].update(
                difference={"estimate": 0.1, "lower": 0.0, "upper": 0.2}
            ),
            "not that of the scores",
        ),
    ],
)
def test_two_that_do_not_belong_together(change: Change, told: str, tmp_path: Path) -> None:
    (line,) = pair_lines([NERVE["fp32"], changed(NERVE["int8"], tmp_path, change)])
    assert line.verdict == "FAILED"
    assert told in line.note


def test_one_precision_alone_is_told() -> None:
    (line,) = pair_lines([NERVE["int8"]])
    assert (line.verdict, line.note) == ("FAILED", "fp32 is missing")
