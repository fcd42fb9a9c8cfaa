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
