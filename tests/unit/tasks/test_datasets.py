"""Public data sets: what holds of each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets_rig import BRAIN, CHEST, FIRST_IMAGE, NERVE, opened
from PIL import Image

import look_alikes
from wattscan.contracts import WattscanError

WRITERS: dict[str, Callable[[Path], Path]] = {
    NERVE: look_alikes.write_nerve,
    BRAIN: look_alikes.write_lgg,
    CHEST: look_alikes.write_chest,
}


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
