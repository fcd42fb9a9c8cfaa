"""Public data sets of nerves and brains."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets_rig import BRAIN, FIRST_IMAGE, NERVE, opened
from PIL import Image

import look_alikes
from wattscan.contracts import WattscanError


def test_nerve_frames_are_in_order_of_patient_and_number(tmp_path: Path) -> None:
    dataset = opened(NERVE, look_alikes.write_nerve(tmp_path, patients=11, frames=3))
    assert list(dataset.patients) == [str(p) for p in range(1, 12) for _ in range(3)]
    for index, name in ((0, "1_1"), (3, "2_1"), (32, "11_3")):
        expected = np.asarray(Image.open(tmp_path / "train" / f"{name}.tif"))
        np.testing.assert_array_equal(dataset.read(index)[0], expected)


def test_nerve_frames_without_a_nerve_are_kept(tmp_path: Path) -> None:
    dataset = opened(NERVE, look_alikes.write_nerve(tmp_path, patients=2, frames=3))
    assert [bool(dataset.read(i)[1].any()) for i in range(6)] == [True, True, False] * 2


def test_nerve_data_may_be_given_by_its_train_folder(tmp_path: Path) -> None:
    folder = look_alikes.write_nerve(tmp_path, patients=3)
    (folder / "test").mkdir()
    shutil.copy(folder / FIRST_IMAGE[NERVE], folder / "test" / "1.tif")
    by_train, by_parent = opened(NERVE, folder / "train"), opened(NERVE, folder)
    assert by_train.patients == by_parent.patients
    np.testing.assert_array_equal(by_train.read(4)[0], by_parent.read(4)[0])


def test_brain_slices_without_a_lesion_are_left_out(tmp_path: Path) -> None:
    dataset = opened(BRAIN, look_alikes.write_lgg(tmp_path, patients=3, slices=4))
    assert list(dataset.patients) == [f"TCGA_CS_{4941 + p}" for p in range(3) for _ in range(3)]
    image, mask = dataset.read(0)
    assert image.shape == (64, 64, 3)
    assert mask.any()


def test_brain_slices_are_in_order_of_their_number(tmp_path: Path) -> None:
    dataset = opened(BRAIN, look_alikes.write_lgg(tmp_path, patients=1, slices=12))
    folder = (tmp_path / FIRST_IMAGE[BRAIN]).parent
    for index in range(11):
        expected = np.asarray(Image.open(folder / f"{folder.name}_{index + 2}.tif"))
        np.testing.assert_array_equal(dataset.read(index)[0], expected)


def test_a_patient_scanned_twice_is_one_patient(tmp_path: Path) -> None:
    first = (look_alikes.write_lgg(tmp_path, patients=1) / FIRST_IMAGE[BRAIN]).parent
    later = first.with_name("TCGA_CS_4941_20010101")
    later.mkdir()
    for path in first.iterdir():
        shutil.copy(path, later / path.name.replace(first.name, later.name))
    assert list(opened(BRAIN, tmp_path).patients) == ["TCGA_CS_4941"] * 6


@pytest.mark.parametrize("inside", ["kaggle_3m", "."])
def test_brain_data_may_be_given_by_either_folder(inside: str, tmp_path: Path) -> None:
    folder = look_alikes.write_lgg(tmp_path, patients=2)
    assert len(opened(BRAIN, folder / inside).patients) == 6


def test_the_brain_archives_second_copy_is_not_counted_twice(tmp_path: Path) -> None:
    folder = look_alikes.write_lgg(tmp_path, patients=2)
    shutil.copytree(folder / "kaggle_3m", folder / "lgg-mri-segmentation" / "kaggle_3m")
    assert len(opened(BRAIN, folder).patients) == 6
    shutil.rmtree(folder / "kaggle_3m")
    assert len(opened(BRAIN, folder).patients) == 6


def test_a_brain_set_of_empty_masks_is_refused(tmp_path: Path) -> None:
    folder = look_alikes.write_lgg(tmp_path, patients=2, slices=1)
    with pytest.raises(WattscanError, match="no slice with a lesion"):
        opened(BRAIN, folder)


def test_lesions_marked_too_faintly_are_told_and_not_taken_for_none(tmp_path: Path) -> None:
    folder = look_alikes.write_lgg(tmp_path)
    for path in folder.rglob("*_mask.tif"):
        Image.fromarray((np.asarray(Image.open(path)) > 127).astype(np.uint8)).save(path)
    with pytest.raises(WattscanError, match="every mask is empty"):
        opened(BRAIN, folder)
