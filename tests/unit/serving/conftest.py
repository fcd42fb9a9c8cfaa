"""A repository with one small model in it."""

import shutil
from pathlib import Path

import pytest

from wattscan.serving.repository.repository import Repository
from wattscan.targets import load_target

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DATA / "tiny", tmp_path / "tiny")
    (tmp_path / "tiny" / "model.toml").unlink()
    return tmp_path


@pytest.fixture
def open_repository(folder):
    opened = []

    def open_():
        repository = Repository(folder, load_target("cpu"))
        repository.load_all()
        opened.append(repository)
        return repository

    yield open_
    for repository in opened:
        repository.close()


@pytest.fixture
def configure(folder):
    """Writes the model's TOML."""
    return (folder / "tiny" / "model.toml").write_text
