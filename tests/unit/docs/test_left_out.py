"""What a machine cannot have is told, with what stands in for it."""

import sys
from pathlib import Path

import pytest
import tomllib

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs"))
import left_out  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MARKED = [
    text
    for texts in PROJECT["project"]["optional-dependencies"].values()
    for text in texts
    if ";" in text
]


def test_nothing_is_left_out_on_x86_64():
    machine = {"platform_machine": "x86_64", "python_version": "3.13"}
    assert left_out.sentences(PROJECT, ["openvino", "onnxruntime"], machine) == []


def test_on_aarch64_the_provider_is_left_out_and_its_stand_in_named():
    (sentence,) = left_out.sentences(PROJECT, ["onnxruntime"], {"platform_machine": "aarch64"})
    assert sentence.startswith("Left out here: onnxruntime-ep-openvino")
    assert "OpenVINO itself" in sentence


@pytest.mark.parametrize("text", MARKED)
def test_each_marked_package_has_a_stand_in(text):
    name = text.partition(";")[0].partition(">")[0].strip()
    assert name in PROJECT["tool"]["wattscan"]["stand-ins"]
