"""What the files of a run are called: variants of one model, no two alike."""

import shutil

import pytest

from wattscan.bench.own_names import named
from wattscan.contracts import WattscanError, split_name
from wattscan.installation import models_folder
from wattscan.training.own.form import datatype_in

TASK = "nerve-ultrasound"


def shipped(variant, kind="onnx"):
    return models_folder() / f"{TASK}-{variant}" / "1" / f"model.{kind}"


def copied(tmp_path, *names):
    made = []
    for number, name in enumerate(names):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shipped("int8" if "i8" in name else "fp32"), path)
        if path.suffix == ".onnx":
            with path.open("ab") as file:  # field 6 of ModelProto: doc_string
                file.write(b"\x32\x01" + bytes([65 + number]))
        made.append(path)
    return made


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_the_graph_tells_the_datatype(kind, variant):
    assert datatype_in(shipped(variant, kind)) == variant


@pytest.mark.parametrize(("names", "expected"), [
    (["lesion.onnx", "i8.onnx"], ["lesion-fp32", "lesion-int8"]),
    (["lesion-fp32.onnx", "lesion-i8.onnx"], ["lesion-fp32", "lesion-int8"]),
    (["a.onnx", "b.onnx", "c-int8.onnx"], ["a-fp32", "a-fp32-b", "a-fp32-2"]),
    (["a/model.onnx", "b/model.onnx"], ["model-fp32", "model-fp32-model"]),
    (["a/m.onnx", "b/m.onnx", "c/m.onnx"], ["m-fp32", "m-fp32-m", "m-fp32-2"]),
    (["Süßes Herz (2).onnx"], ["s-es-herz-2-fp32"]),
    (["--.onnx"], ["model-fp32"]),
])  # fmt: skip
def test_each_has_a_name_of_its_own(tmp_path, names, expected):
    cards = named(copied(tmp_path, *names))
    assert [card.name for card in cards] == expected
    for card in cards:
        assert split_name(card.name) == (card.task, card.precision)


def test_one_file_twice_is_refused(tmp_path):
    (path,) = copied(tmp_path, "a.onnx")
    with pytest.raises(WattscanError, match="given twice"):
        named([path, path])
    other = shutil.copy(path, tmp_path / "b.onnx")
    with pytest.raises(WattscanError, match="the same, byte for byte"):
        named([path, type(path)(other)])


@pytest.mark.parametrize(("content", "told"), [
    (b"", "is no ONNX file"), (b"\xff" * 50, "is no ONNX file"), (None, "there is no model file"),
])  # fmt: skip
def test_what_is_no_model_is_named(tmp_path, content, told):
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WattscanError, match=told):
        named([path])
