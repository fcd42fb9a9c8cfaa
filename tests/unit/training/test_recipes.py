"""The tasks' recipes, and the command line that changes them."""

import argparse
from pathlib import Path

import pytest

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.training import cli, recipe


@pytest.mark.parametrize("task", plugins.names("tasks"))
def test_every_recipe_loads(task: str) -> None:
    loaded = recipe.load(task)
    assert loaded.fit.epochs > 0
    assert loaded.data.train_count >= loaded.fit.batch


def test_changes() -> None:
    changed = recipe.load("nerve-ultrasound", epochs=3, count=77)
    assert changed.fit.epochs == 3
    assert changed.data.train_count == 77
    quick = recipe.load("nerve-ultrasound", quick=True)
    assert quick.data.train_count == recipe.QUICK_COUNT
    assert quick.data.test_seed == recipe.load("nerve-ultrasound").data.test_seed


def test_the_papers_networks_are_one_option_away() -> None:
    shipped = recipe.load("chest-xray").network
    assert (shipped.module, shipped.arguments["width"]) == ("resnet", 48)
    assert recipe.load("chest-xray", network="resnet50").network.arguments["width"] == 64
    assert recipe.load("chest-xray", network="densenet121").network.module == "densenet"
    with pytest.raises(WattscanError, match="no network called 'vgg'; there is: resnet18-narrow"):
        recipe.load("chest-xray", network="vgg")


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_counts_are_checked_before_anything_runs(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse("train", "--task", "nerve-ultrasound", "--epochs", count)
    assert "--epochs" in capsys.readouterr().err


def test_training_without_torch_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(module: str, extra: str) -> None:
        raise WattscanError(f"{module} is not installed: pip install 'wattscan[{extra}]'")

    monkeypatch.setattr(plugins, "sdk", absent)
    with pytest.raises(WattscanError, match=r"wattscan\[train\].*make setup-train"):
        cli.run(parse("train", "--task", "nerve-ultrasound", "--work", str(tmp_path)))


def test_check_and_list_go_to_the_given_folder(tmp_path: Path) -> None:
    with pytest.raises(WattscanError, match="holds no"):
        cli.run(parse("list", "--models", str(tmp_path)))
    with pytest.raises(WattscanError, match="no model folder"):
        cli.run(parse("check", "--models", str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--split", "image-leaking"), "--split is for a data set"),
        (("--data", "x", "--count", "5"), "--count is for the phantom"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: tuple[str, ...], match: str) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    with pytest.raises(WattscanError, match=match):
        cli.run(parse("train", "--task", "nerve-ultrasound", *words))


def test_the_cards_command_names_no_folder() -> None:
    args = parse("train", "--task", "brain-mri", "--data", "/mnt/patients", "--seed", "3")
    assert cli._typed("train", args) == (
        "wattscan models train --task brain-mri --seed 3 --data DIR --split patient"
    )


@pytest.mark.parametrize("text", ["brain-mri", "brain=DIR", "brain-mri="])
def test_a_data_folder_for_the_check_names_its_task(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse("check", "--data", text)
    assert "TASK=DIR" in capsys.readouterr().err
