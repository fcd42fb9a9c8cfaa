"""A model's file that is rewritten while it is served ends no process and changes no answer."""

import shutil
import subprocess
import sys

import pytest

from wattscan import plugins
from wattscan.artifacts import find_cards, model_file
from wattscan.installation import models_folder

CARDS = [card for card in find_cards(models_folder()) if card.task == "nerve-ultrasound"]
CODE = """
import sys
from pathlib import Path
import numpy as np
from wattscan import plugins

path = Path(sys.argv[2])
whole = path.read_bytes()
engine = plugins.backend(sys.argv[1]).open_engine(path, {})
size = [1 if n < 0 else n for n in engine.inputs[0].shape]
image = np.ones(size, engine.inputs[0].dtype)
before = engine.run([image])[0].copy()
with path.open("r+b") as file:  # as a slow copy writes it
    file.truncate(0)
    assert (engine.run([image])[0] == before).all()
    file.write(whole[:8192])
    file.flush()
    assert (engine.run([image])[0] == before).all()
"""


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
@pytest.mark.parametrize("backend", plugins.names("backends"))
def test_a_file_that_is_rewritten_in_place_ends_nothing(tmp_path, backend, card):
    source = model_file(card, plugins.backend(backend).FORMAT).path
    path = shutil.copy(source, tmp_path / source.name)
    command = [sys.executable, "-W", "ignore", "-c", CODE, backend, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
