"""The public data set of chest radiographs."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets_rig import CHEST, FIRST_IMAGE, opened
from PIL import Image

import look_alikes
from wattscan import plugins
from wattscan.contracts import WattscanError

TABLE = "Data_Entry_2017.csv"


def edit_table(folder: Path, *changes: tuple[str, str]) -> None:
    text = (folder / TABLE).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / TABLE).write_text(text)


def test_chest_images_have_their_labels_in_the_order_of_the_findings(tmp_path: Path) -> None:
    dataset = opened(CHEST, look_alikes.write_chest(tmp_path))
    assert list(dataset.patients) == [str(p) for p in range(1, 13) for _ in range(4)]
    findings = plugins.task(CHEST).findings
    for index, labels in enumerate([(), ("Effusion",), ("Cardiomegaly", "Effusion"), ("Mass",)]):
        image, truth = dataset.read(index)
        assert image.shape == (64, 64)
        assert tuple(f for f, t in zip(findings, truth, strict=True) if t) == labels
        expected = np.asarray(Image.open(tmp_path / f"images_001/images/00000001_00{index}.png"))
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(("rare", "kept"), [(11, 0), (12, 12)])
def test_sets_of_labels_with_eleven_images_or_fewer_are_left_out(
    rare: int, kept: int, tmp_path: Path
) -> None:
    dataset = opened(CHEST, look_alikes.write_chest(tmp_path, rare=rare))
    assert list(dataset.patients).count("14") == kept


@pytest.mark.parametrize(
    ("age", "in_the_set"),
    [("099Y", True), ("99", True), ("100Y", False), ("148", False), ("11M", True)],
)
def test_only_ages_under_a_hundred_are_in_the_set(
    age: str, in_the_set: bool, tmp_path: Path
) -> None:
    folder = look_alikes.write_chest(tmp_path)
    edit_table(folder, (",412Y,", f",{age},"))
    assert ("13" in opened(CHEST, folder).patients) is in_the_set


def test_a_label_set_is_rare_by_the_images_of_those_under_a_hundred(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    # A twelfth image of the rare set, but of the one who is too old.
    edit_table(folder, ("00000013_000.png,Effusion,", "00000013_000.png,Hernia|Mass,"))
    assert len(opened(CHEST, folder).patients) == 48


@pytest.mark.parametrize("name", ["Data_Entry_2017_v2020.csv", TABLE])
def test_both_editions_of_the_table_are_found(name: str, tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    (folder / TABLE).rename(folder / name)
    assert len(opened(CHEST, folder).patients) == 48


def test_chest_images_may_lie_in_one_folder(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    (folder / "images").mkdir()
    for path in [*folder.glob("images_*/images/*.png")]:
        path.rename(folder / "images" / path.name)
    assert opened(CHEST, folder).read(0)[0].shape == (64, 64)


def test_missing_chest_images_are_counted_and_named(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    shutil.rmtree(folder / "images_002")
    with pytest.raises(WattscanError, match=r"\d\d images are missing \(000000\d\d_00\d\.png, "):
        opened(CHEST, folder)


def test_images_that_are_left_out_need_not_be_there(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    for path in [*folder.glob("images_*/images/0000001[34]_*.png")]:
        path.unlink()
    assert len(opened(CHEST, folder).patients) == 48


def test_a_colour_radiograph_is_read_as_gray(tmp_path: Path) -> None:
    """Some of the real files are RGBA."""
    path = look_alikes.write_chest(tmp_path) / FIRST_IMAGE[CHEST]
    gray = np.asarray(Image.open(path))
    Image.fromarray(np.dstack([gray] * 3 + [np.full_like(gray, 255)])).save(path)
    np.testing.assert_array_equal(opened(CHEST, tmp_path).read(0)[0], gray)


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    edit_table(folder, ("Mass", "Gallstone"))
    with pytest.raises(WattscanError, match=r"00000001_003\.png has an unknown label, Gallstone"):
        opened(CHEST, folder)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    edit_table(folder, ("Patient ID", "Patient"))
    with pytest.raises(WattscanError, match="has no column Patient ID"):
        opened(CHEST, folder)


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    (folder / TABLE).write_bytes((folder / TABLE).read_text().encode("utf-16"))
    with pytest.raises(WattscanError, match="cannot be read"):
        opened(CHEST, folder)


def test_a_table_of_rare_sets_alone_is_refused(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path, patients=11)
    with pytest.raises(WattscanError, match="no set of labels with more than 11 images"):
        opened(CHEST, folder)


def test_an_age_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    edit_table(folder, (",412Y,", ",?,"))
    with pytest.raises(WattscanError, match=r"00000013_000\.png has no age"):
        opened(CHEST, folder)


def test_a_table_saved_again_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    folder = look_alikes.write_chest(tmp_path)
    text = (folder / TABLE).read_text()
    (folder / TABLE).write_text(text, encoding="utf-8-sig")
    assert len(opened(CHEST, folder).patients) == 48
