"""The readers of the public data sets, on look-alikes, whole and damaged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import look_alikes
from wattscan import plugins
from wattscan.contracts import DataSet, WattscanError

NERVE, BRAIN, CHEST = "nerve-ultrasound", "brain-mri", "chest-xray"
WRITERS: dict[str, Callable[[Path], Path]] = {
    NERVE: look_alikes.write_nerve,
    BRAIN: look_alikes.write_lgg,
    CHEST: look_alikes.write_chest,
}
FIRST_IMAGE = {
    NERVE: "train/1_1.tif",
    BRAIN: "kaggle_3m/TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_2.tif",
    CHEST: "images_001/images/00000001_000.png",
}
TABLE = "Data_Entry_2017.csv"


def opened(task: str, folder: Path) -> DataSet:
    return plugins.task(task).dataset(folder)


def edit_table(folder: Path, *changes: tuple[str, str]) -> None:
    text = (folder / TABLE).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / TABLE).write_text(text)


@pytest.mark.parametrize("task", WRITERS)
def test_every_image_is_its_patients_and_is_read_with_its_truth(task: str, tmp_path: Path) -> None:
    dataset = opened(task, WRITERS[task](tmp_path))
    for index in range(len(dataset.patients)):
        image, truth = dataset.read(index)
        assert image.dtype == truth.dtype == np.uint8
        assert set(np.unique(truth)) <= {0, 1}
        if truth.ndim == 2:
            assert truth.shape == image.shape[:2]
            bright = image if image.ndim == 2 else image[..., 1]
            np.testing.assert_array_equal(bright > 110, truth == 1)


@pytest.mark.parametrize("task", WRITERS)
def test_what_is_no_data_set_is_refused_and_the_layout_told(task: str, tmp_path: Path) -> None:
    with pytest.raises(WattscanError, match=r"there is no folder .*nowhere; the "):
        opened(task, tmp_path / "nowhere")
    other = next(name for name in WRITERS if name != task)
    WRITERS[other](tmp_path)
    with pytest.raises(WattscanError, match=r"holds no .*\*.*; the "):
        opened(task, tmp_path)


@pytest.mark.parametrize("task", WRITERS)
def test_an_image_that_is_cut_short_is_named(task: str, tmp_path: Path) -> None:
    dataset = opened(task, WRITERS[task](tmp_path))
    path = look_alikes.cut_short(tmp_path / FIRST_IMAGE[task])
    with pytest.raises(WattscanError, match=f"{path.name} cannot be read as an image"):
        dataset.read(0)


@pytest.mark.parametrize("task", WRITERS)
def test_an_image_that_vanishes_is_named(task: str, tmp_path: Path) -> None:
    dataset = opened(task, WRITERS[task](tmp_path))
    (tmp_path / FIRST_IMAGE[task]).unlink()
    with pytest.raises(WattscanError, match=Path(FIRST_IMAGE[task]).name):
        dataset.read(0)


@pytest.mark.parametrize("task", WRITERS)
def test_what_a_mac_leaves_beside_the_files_is_ignored(task: str, tmp_path: Path) -> None:
    folder = WRITERS[task](tmp_path)
    before = list(opened(task, folder).patients)
    for path in [*folder.rglob("*.*")]:
        if path.is_file():
            path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07")
    dataset = opened(task, folder)
    assert list(dataset.patients) == before
    dataset.read(0)


@pytest.mark.parametrize("task", [NERVE, BRAIN])
def test_missing_masks_are_counted_and_named(task: str, tmp_path: Path) -> None:
    folder = WRITERS[task](tmp_path)
    masks = sorted(folder.rglob("*_mask.tif"))[:5]
    for path in masks:
        path.unlink()
    with pytest.raises(WattscanError, match=r"5 masks are missing \(.*, \.\.\.\)") as caught:
        opened(task, folder)
    assert masks[0].name in str(caught.value)


@pytest.mark.parametrize("task", [NERVE, BRAIN])
def test_a_mask_of_another_size_than_its_image_is_refused(task: str, tmp_path: Path) -> None:
    folder = WRITERS[task](tmp_path)
    image = folder / FIRST_IMAGE[task]
    mask = image.with_name(f"{image.stem}_mask.tif")
    Image.fromarray(np.full((10, 12), 255, np.uint8)).save(mask)
    with pytest.raises(WattscanError, match=rf"{mask.name} is \(10, 12\), and its image is"):
        opened(task, folder).read(0)


@pytest.mark.parametrize("task", [NERVE, BRAIN])
def test_a_mask_is_set_where_it_is_brighter_than_half(task: str, tmp_path: Path) -> None:
    image = WRITERS[task](tmp_path) / FIRST_IMAGE[task]
    shape = np.asarray(Image.open(image)).shape[:2]
    gray = np.resize(np.array([0, 127, 128, 255], np.uint8), shape)
    Image.fromarray(gray).save(image.with_name(f"{image.stem}_mask.tif"))
    np.testing.assert_array_equal(opened(task, tmp_path).read(0)[1], gray >= 128)


# Nerve


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


# Brain


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


# Chest


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


@pytest.mark.parametrize("task", [NERVE, BRAIN])
def test_a_mask_without_its_image_is_told(task: str, tmp_path: Path) -> None:
    folder = WRITERS[task](tmp_path)
    (folder / FIRST_IMAGE[task]).unlink()
    with pytest.raises(WattscanError, match=r"1 images are missing \(.*\.tif\)"):
        opened(task, folder)


def test_sixteen_bits_are_refused_instead_of_cut(tmp_path: Path) -> None:
    folder = look_alikes.write_nerve(tmp_path)
    path = folder / FIRST_IMAGE[NERVE]
    deep = np.asarray(Image.open(path)).astype(np.uint16) * 257
    Image.fromarray(deep).save(path)
    with pytest.raises(WattscanError, match="more than 8 bits"):
        opened(NERVE, folder).read(0)


def test_lesions_marked_too_faintly_are_told_and_not_taken_for_none(tmp_path: Path) -> None:
    folder = look_alikes.write_lgg(tmp_path)
    for path in folder.rglob("*_mask.tif"):
        Image.fromarray((np.asarray(Image.open(path)) > 127).astype(np.uint8)).save(path)
    with pytest.raises(WattscanError, match="every mask is empty"):
        opened(BRAIN, folder)
