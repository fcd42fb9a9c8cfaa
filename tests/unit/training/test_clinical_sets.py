"""Public data sets in three parts: by patient, the same every time, and only where they belong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import look_alikes
from wattscan import plugins
from wattscan.contracts import Normalisation, WattscanError
from wattscan.training import clinical_sets, data, recipe, sets
from wattscan.training.clinical_sets import SplitBy, describe

PARTS = ("train", "validation", "test")
WRITERS: dict[str, Callable[[Path], Path]] = {
    "nerve-ultrasound": look_alikes.write_nerve,
    "brain-mri": look_alikes.write_lgg,
    "chest-xray": look_alikes.write_chest,
}
patient_lists = st.lists(st.integers(0, 20).map(str), min_size=3, max_size=80)


@dataclass
class Listed:
    """A data set of which only the patients are asked."""

    patients: Sequence[str]
    name: str = "listed"
    files: Sequence[Path] = ()

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        raise AssertionError("nothing is read to split")


def parts(patients: list[str], split: SplitBy = "patient") -> dict[str, list[int]]:
    return {
        name: indices.tolist() for name, indices in clinical_sets._parts(patients, split).items()
    }


def sides(patients: list[str], split: SplitBy) -> list[set[str]]:
    return [{patients[i] for i in indices} for indices in parts(patients, split).values()]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@given(patient_lists.filter(lambda patients: len(set(patients)) >= 3))
def test_no_patient_is_in_two_parts_and_no_image_is_lost(patients: list[str]) -> None:
    in_part = sides(patients, "patient")
    assert sum(map(len, in_part)) == len(set().union(*in_part)) == len(set(patients))
    indices = sorted(i for part in parts(patients).values() for i in part)
    assert indices == list(range(len(patients)))


@given(patient_lists)
def test_by_image_no_image_is_in_two_parts(patients: list[str]) -> None:
    found = parts(patients, "image-leaking")
    assert sorted(i for part in found.values() for i in part) == list(range(len(patients)))
    assert all(found.values())


@given(patient_lists.filter(lambda patients: len(set(patients)) >= 3), st.randoms())
def test_a_patients_part_depends_on_who_is_in_the_set_and_not_on_the_order(
    patients: list[str], random: Any
) -> None:
    shuffled = random.sample(patients, len(patients))
    assert sides(shuffled, "patient") == sides(patients, "patient")


@pytest.mark.parametrize("split", clinical_sets.SPLITS)
def test_three_tenths_are_held_out_and_a_tenth_of_the_rest_validates(split: SplitBy) -> None:
    table = describe(Listed([str(n) for n in range(1000)]), split)
    assert [table[f"{part}_count"] for part in PARTS] == [630, 70, 300]


def test_a_split_by_image_puts_patients_on_both_sides_and_says_so() -> None:
    patients = [str(n) for n in range(20) for _ in range(10)]
    trained, _, held_out = sides(patients, "image-leaking")
    assert len(trained & held_out) > 15
    leaking = describe(Listed(patients), "image-leaking")
    assert "leaking" in leaking["name"]
    assert leaking["split"] == "image-leaking"
    sound = describe(Listed(patients), "patient")
    assert "leaking" not in sound["name"] + sound["split"]
    assert sound["patients"] == 20


@pytest.mark.parametrize("split", clinical_sets.SPLITS)
def test_fewer_than_three_cannot_be_split(split: SplitBy) -> None:
    for count in range(3):
        with pytest.raises(WattscanError, match=f"{count} .* too few"):
            describe(Listed([str(n) for n in range(count)]), split)
    assert describe(Listed(["a", "b", "c"]), split)["train_count"] == 1


def test_many_images_of_two_patients_cannot_be_split_by_patient() -> None:
    with pytest.raises(WattscanError, match="2 patients are too few"):
        describe(Listed(["a", "b"] * 50), "patient")


def test_the_digest_tells_other_images_apart() -> None:
    tables = [describe(Listed(p), "patient") for p in (["1", "2", "3"], ["1", "2", "3", "3"])]
    assert tables[0]["digest"] != tables[1]["digest"]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("split", clinical_sets.SPLITS)
def test_a_data_set_gives_sets_to_train_on_and_to_be_scored_on(
    name: str, split: SplitBy, tmp_path: Path
) -> None:
    task, folder = plugins.task(name), WRITERS[name](tmp_path / "set")
    table = sets.describe(task, recipe.load(name).data, 0, folder, split)
    trained = sets.training_data(task, table, folder)
    scored = sets.held_out(task, table, folder)
    found = dict(zip(PARTS, (trained.train, trained.validation, scored), strict=True))
    size = task.input_shape[:2]
    for part, one in found.items():
        assert len(one) == len(one.truth) == table[f"{part}_count"] > 0
        assert one.images.shape[1:3] == size
        assert one.images.dtype == one.truth.dtype == np.uint8
        assert set(np.unique(one.truth)) == {0, 1}
    assert len({image.tobytes() for one in found.values() for image in one.images}) == sum(
        map(len, found.values())
    )
    if task.kind == "segmentation":
        assert trained.train.truth.shape[1:] == size
        assert scored.truth.shape[1:] == task.dataset(folder).read(0)[1].shape
    else:
        assert trained.train.truth.shape[1:] == scored.truth.shape[1:] == (len(task.findings),)
    inputs = data.inputs(task, scored.images[:2], trained.normalisation)
    assert inputs.shape == (2, *task.input_shape)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", WRITERS)
def test_a_part_holds_the_images_that_the_split_chose(name: str, tmp_path: Path) -> None:
    task, folder = plugins.task(name), WRITERS[name](tmp_path / "set")
    dataset = task.dataset(folder)
    scored = clinical_sets.held_out(task, describe(dataset, "patient"), folder)
    chosen = parts(list(dataset.patients))["test"]
    for image, truth, index in zip(scored.images, scored.truth, chosen, strict=True):
        source, expected = dataset.read(index)
        np.testing.assert_array_equal(image, data.shrunk(source, task.input_shape[:2]))
        np.testing.assert_array_equal(truth, expected)


@pytest.mark.usefixtures("cache")
def test_parts_of_the_same_size_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    task, folder = plugins.task("brain-mri"), look_alikes.write_lgg(tmp_path / "set", patients=3)
    found = clinical_sets.training_data(task, describe(task.dataset(folder), "patient"), folder)
    assert len(found.train) == len(found.validation)
    assert np.any(found.train.images != found.validation.images)


@pytest.mark.usefixtures("cache")
def test_another_folder_with_the_same_patients_is_read_and_not_taken_from_the_cache(
    tmp_path: Path,
) -> None:
    task = plugins.task("nerve-ultrasound")
    one, other = (look_alikes.write_nerve(tmp_path / str(k), seed=k) for k in (0, 1))
    table = describe(task.dataset(one), "patient")
    assert table == describe(task.dataset(other), "patient")
    first, second = (clinical_sets.held_out(task, table, folder) for folder in (one, other))
    assert np.any(first.images != second.images)


@pytest.mark.usefixtures("cache")
def test_the_training_sets_own_statistics_normalise_nerve_frames(tmp_path: Path) -> None:
    task, folder = plugins.task("nerve-ultrasound"), look_alikes.write_nerve(tmp_path / "set")
    table = describe(task.dataset(folder), "patient")
    trained = clinical_sets.training_data(task, table, folder)
    inputs = data.inputs(task, trained.train.images, trained.normalisation)
    assert inputs.mean() == pytest.approx(0, abs=1e-4)
    assert inputs.std() == pytest.approx(1, abs=1e-4)
    prescribed = plugins.task("chest-xray")
    assert data.normalisation_of(prescribed, trained.train) == Normalisation(0, 255)


@pytest.mark.parametrize("name", WRITERS)
def test_another_download_than_the_cards_is_refused(name: str, tmp_path: Path, cache: Path) -> None:
    task, folder = plugins.task(name), WRITERS[name](tmp_path / "set")
    table = {**describe(task.dataset(folder), "patient"), "digest": "0" * 16}
    for use in (clinical_sets.training_data, clinical_sets.held_out):
        with pytest.raises(WattscanError, match=r"holds .*, but not the same \d+ images"):
            use(task, table, folder)
    assert not cache.exists()


@pytest.mark.usefixtures("cache")
def test_a_card_without_a_known_split_is_refused(tmp_path: Path) -> None:
    task, folder = plugins.task("nerve-ultrasound"), look_alikes.write_nerve(tmp_path / "set")
    table = describe(task.dataset(folder), "patient")
    del table["split"]
    with pytest.raises(WattscanError, match="not the same"):
        clinical_sets.held_out(task, table, folder)


@pytest.mark.parametrize("use", [sets.training_data, sets.held_out])
def test_data_is_asked_for_where_it_is_needed_and_refused_where_not(
    use: Callable[..., object], tmp_path: Path
) -> None:
    task = plugins.task("nerve-ultrasound")
    phantom = sets.describe(task, recipe.load(task.name).data, 0, None, "patient")
    with pytest.raises(WattscanError, match="trained on nerve-ultrasound-phantom: leave --data"):
        use(task, phantom, tmp_path)
    with pytest.raises(WattscanError, match=r"trained on .*ultrasound-nerve.*: give its folder"):
        use(task, {"kind": "clinical", "name": "kaggle-ultrasound-nerve"}, None)


def test_a_folder_that_is_not_the_tasks_data_set_is_refused_before_training(tmp_path: Path) -> None:
    task = plugins.task("brain-mri")
    with pytest.raises(WattscanError, match="holds no TCGA"):
        sets.describe(task, recipe.load(task.name).data, 0, tmp_path, "patient")


@pytest.mark.usefixtures("cache")
def test_changed_images_of_the_same_patients_are_another_set(tmp_path: Path) -> None:
    folder = look_alikes.write_nerve(tmp_path / "download", patients=10)
    task = plugins.task("nerve-ultrasound")
    table = describe(task.dataset(folder), "patient")
    before = np.array(clinical_sets.held_out(task, table, folder).images)
    for path in folder.rglob("*.tif"):
        Image.fromarray(np.zeros_like(np.asarray(Image.open(path)))).save(path)
    after = np.array(clinical_sets.held_out(task, table, folder).images)
    assert before.any()
    assert not after.any()
