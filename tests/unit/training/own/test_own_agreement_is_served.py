"""What `model.toml` says of a plain model's agreement and scores, on the service's page."""

import pytest

from wattscan.contracts import Agreement, Batching, Quality, WattscanError
from wattscan.serving.repository.config import read_config

TEXT = """
finite_inputs = true
[[agreement]]
metric = "dice"
value = 0.993
reference = "fp32"
inputs = "frames"
[[quality]]
metric = "score"
value = 0.75
dataset = "frames"
"""


def read(folder, text):
    (folder / "model.toml").write_text(text)
    return read_config(folder, Batching())


def test_they_are_read(tmp_path):
    config = read(tmp_path, TEXT)
    assert config.finite_inputs
    assert config.agreement == (Agreement("dice", 0.993, "fp32", "frames"),)
    assert config.quality == (Quality("score", "frames", 0.75),)
    assert not read(tmp_path, "").finite_inputs


@pytest.mark.parametrize(("old", "new", "told"), [
    ("finite_inputs = true", "finite_inputs = 1", "finite_inputs must be true or false"),
    ("0.993", '"high"', "value must be a number"), ("0.75", "1.5", "between 0 and 1"),
    ("[[agreement]]", "[agreement]", r"must be tables, each under \[\[agreement\]\]"),
    ('reference = "fp32"', 'reference = 1', "reference must be a text"),
    ("inputs =", "input =", "input"),
])  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, old, new, told):
    with pytest.raises(WattscanError, match=told):
        read(tmp_path, TEXT.replace(old, new))
