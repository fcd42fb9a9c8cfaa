"""Folders in other makers' layouts, written here: what is read of them, and what they lack."""

import json
from typing import Any

import numpy as np
import pytest
from graphs import good
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from wattscan.contracts import WattscanError
from wattscan.picture_steps import Steps
from wattscan.training.own.add import ModelEntry, add, imported
from wattscan.training.own.data import _module
from wattscan.training.own.imports import read_folder

MONAI = {
    "name": "Spleen in slices", "intended_use": "research", "data_source": "a challenge",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1, "spatial_shape": [8, 8], "value_range": [0, 1]}},
        "outputs": {"pred": {"channel_def": {"0": "background", "1": "spleen"}}},
    },
}  # fmt: skip
HUGGING_FACE = {"model_type": "vit", "id2label": {"1": "ill", "0": "well", "10": "other"}}
PREPARED = {"size": {"height": 8, "width": 8}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
TIMM: dict[str, Any] = {
    "architecture": "resnet18", "label_names": ["a", "b"],
    "pretrained_cfg": {"input_size": [3, 8, 8], "mean": [0.5] * 3, "std": [0.25] * 3,
                       "crop_pct": 0.8, "license": "mit"},
}  # fmt: skip


def write(folder, files, model="model.onnx"):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    if model:
        (folder / model).parent.mkdir(parents=True, exist_ok=True)
        good(folder / model)
    return folder


def monai(folder, image=None, **more):
    told = json.loads(json.dumps({**MONAI, **more}))
    told["network_data_format"]["inputs"]["image"].update(image or {})
    return write(folder, {"configs/metadata.json": told}, "models/model.onnx")


def hugging_face(folder, **changes):
    prepared = {**PREPARED, **changes}
    return write(folder, {"config.json": HUGGING_FACE, "preprocessor_config.json": prepared})


def timm(folder, **changes):
    cfg = {**TIMM["pretrained_cfg"], **changes}
    return write(folder, {"config.json": {**TIMM, "pretrained_cfg": cfg}})


def test_a_monai_bundle(tmp_path):
    found = read_folder(monai(tmp_path))
    assert found.file == tmp_path / "models" / "model.onnx"
    assert found.steps == Steps(1, 8, 8, scale="range")
    assert found.labels == ("background", "spleen") and found.title == "Spleen in slices"
    assert found.stated == {"data": "a challenge", "intended_use": "research"}


def test_a_hugging_face_export(tmp_path):
    found = read_folder(hugging_face(tmp_path))
    assert found.steps == Steps(3, 8, 8, mean=(0.5,) * 3, std=(0.25,) * 3)
    assert found.labels == ("well", "ill", "other")
    cropped = hugging_face(tmp_path, do_center_crop=True, crop_size=8, size={"shortest_edge": 10})
    assert read_folder(cropped).steps.shortest == 10


def test_a_timm_export(tmp_path):
    found = read_folder(timm(tmp_path))
    assert found.steps == Steps(3, 8, 8, shortest=10, mean=(0.5,) * 3, std=(0.25,) * 3)
    assert (found.labels, found.stated) == (("a", "b"), {"licence": "mit"})


@pytest.mark.parametrize(("make", "changes", "told"), [
    (monai, {"image": {"spatial_shape": [8, 8, 8]}}, "3D networks are not served yet"),
    (monai, {"image": {"spatial_shape": ["*", "*"]}}, "does not say which size"),
    (monai, {"image": {"value_range": [-1000, 1000]}}, "how its values are scaled"),
    (monai, {"image": {"num_channels": 4}}, "takes 4 channels"),
    (monai, {"network_data_format": {"inputs": {"image": {}}}}, "have no outputs"),
    (hugging_face, {"size": None}, "does not say which size"),
    (hugging_face, {"image_mean": None}, "how its input is normalised: its mean is None"),
    (timm, {"input_size": None}, "does not say which size"),
    (timm, {"std": [1.0]}, "how its input is normalised: its std"),
])  # fmt: skip
def test_what_is_missing_is_said(tmp_path, make, changes, told):
    folder = make(tmp_path, **changes)
    with pytest.raises(WattscanError, match=told):
        read_folder(folder)


def test_sliding_windows_are_refused_by_name(tmp_path):
    write(monai(tmp_path), {"configs/inference.json": {"inferer": "SlidingWindowInferer"}}, None)
    with pytest.raises(WattscanError, match=r"sliding windows \(inference.json\)"):
        read_folder(tmp_path)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(WattscanError, match="is no folder that is known"):
        read_folder(tmp_path)
    write(tmp_path, {"config.json": HUGGING_FACE}, None)
    with pytest.raises(WattscanError, match=r"has no preprocessor_config\.json"):
        read_folder(tmp_path)
    write(tmp_path, {"preprocessor_config.json": PREPARED}, None)
    with pytest.raises(WattscanError, match="has no model file"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WattscanError, match="is no JSON"):
        read_folder(tmp_path)


def test_the_folder_becomes_a_model_with_a_preprocessing(tmp_path):
    entry = imported(
        timm(tmp_path / "export"), ModelEntry(tmp_path, "lesion", stated={"data": "ours"})
    )
    folder = add(tmp_path / "models", entry)
    card = json.loads((folder / "card.json").read_text())
    assert (card["licence"], card["data"], card["labels"]) == ("mit", "ours", ["a", "b"])
    assert (folder / "model.toml").read_text() == 'title = "resnet18"\n'
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.png")
    prepared = _module(folder / "preprocess.py").preprocess(tmp_path / "a.png")
    assert prepared.shape == (1, 3, 8, 8) and np.allclose(prepared, -2)


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 4, 9, 30]), st.booleans(),
    st.sampled_from([1, 3]), st.sampled_from(["type", "range"]),
)  # fmt: skip
def test_any_picture_becomes_what_the_network_takes(tmp_path_factory, h, w, short, last, c, scale):
    path = tmp_path_factory.getbasetemp() / "picture.png"
    picture = np.random.default_rng(h * w).integers(0, 256, (h, w), np.uint8)
    Image.fromarray(picture).save(path)
    tensor = Steps(c, 8, 6, shortest=short, scale=scale, channels_last=last)(path)
    assert tensor.shape == ((1, 8, 6, c) if last else (1, c, 8, 6))
    assert tensor.dtype == np.float32 and 0 <= tensor.min() <= tensor.max() <= 1 + 1e-6
