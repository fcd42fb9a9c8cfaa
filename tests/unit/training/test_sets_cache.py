"""Sets that are made once and kept, and phantoms that any part of can be made alone."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from wattscan import plugins
from wattscan.contracts import Normalisation, WattscanError
from wattscan.training import data, phantoms
from wattscan.training.data import DataSource, Example, Split, kept, reduced, shrunk

TASKS = plugins.names("tasks")
NERVE = plugins.task("nerve-ultrasound")
COUNT = 5


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def examples(seed: int = 0) -> Iterator[Example]:
    rng = np.random.default_rng(seed)
    for _ in range(COUNT):
        image = rng.integers(0, 256, (42, 58)).astype(np.uint8)
        yield image, (image > 200).astype(np.uint8)


def never() -> Iterator[Example]:
    raise AssertionError("made again")


def cut_off() -> Iterator[Example]:
    yield next(examples())
    raise WattscanError("the disk was pulled")


def source(make: Callable[[], Iterable[Example]] = examples, **what: int) -> DataSource:
    return DataSource({"kind": "drawn", **what}, COUNT, make)


def assert_same(one: Split, other: Split) -> None:
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.truth, other.truth)


def test_a_set_is_made_once_and_then_read_back() -> None:
    fresh = kept(NERVE, source(), full_size_truth=False)
    assert_same(kept(NERVE, source(never), full_size_truth=False), fresh)


def test_a_kept_set_holds_every_example_at_its_size_in_order() -> None:
    size = NERVE.input_shape[:2]
    small = kept(NERVE, source(), full_size_truth=False)
    whole = kept(NERVE, source(), full_size_truth=True)
    assert len(small) == len(whole) == COUNT
    for number, (image, mask) in enumerate(examples()):
        np.testing.assert_array_equal(small.images[number], shrunk(image, size))
        np.testing.assert_array_equal(small.truth[number], reduced(mask, size))
        np.testing.assert_array_equal(whole.images[number], small.images[number])
        np.testing.assert_array_equal(whole.truth[number], mask)


def test_an_interrupted_set_is_not_left_behind_as_a_whole_one() -> None:
    with pytest.raises(WattscanError, match="pulled"):
        kept(NERVE, source(cut_off), full_size_truth=False)
    with pytest.raises(WattscanError, match="pulled"):
        kept(NERVE, source(cut_off), full_size_truth=False)
    again = kept(NERVE, source(), full_size_truth=False)
    np.testing.assert_array_equal(
        again.images, [shrunk(image, NERVE.input_shape[:2]) for image, _ in examples()]
    )


def test_other_parameters_make_another_set() -> None:
    first = kept(NERVE, source(seed=0), full_size_truth=False)
    other = kept(NERVE, source(lambda: examples(1), seed=1), full_size_truth=False)
    assert np.any(first.images != other.images)
    fewer = DataSource({"kind": "drawn", "seed": 0}, COUNT - 2, lambda: list(examples())[:3])
    assert len(kept(NERVE, fewer, full_size_truth=False)) == COUNT - 2


def test_an_edit_of_the_tasks_source_makes_another_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "phantom.py"
    code.write_text("NOISE = 1\n")
    monkeypatch.setattr(data.resources, "files", lambda _: tmp_path)
    kept(NERVE, source(), full_size_truth=False)
    kept(NERVE, source(never), full_size_truth=False)
    code.write_text("NOISE = 2\n")
    with pytest.raises(AssertionError, match="made again"):
        kept(NERVE, source(never), full_size_truth=False)


def test_a_kept_set_cannot_be_changed_by_mistake() -> None:
    split = kept(NERVE, source(), full_size_truth=False)
    with pytest.raises(ValueError, match="read-only"):
        split.images[0] = 0


@pytest.mark.parametrize("covered", [0.0, 0.4, 0.6, 1.0])
def test_a_reduced_mask_is_set_where_most_of_a_pixel_is_covered(covered: float) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[: round(10 * covered)] = 1
    expected = np.zeros((2, 3), np.uint8)
    expected[0] = covered > 0.5
    np.testing.assert_array_equal(reduced(mask, (2, 3)), expected)


@pytest.mark.parametrize("name", TASKS)
def test_a_shrunk_phantom_gives_the_network_exactly_what_the_whole_one_gives(name: str) -> None:
    task = plugins.task(name)
    normalisation = task.normalisation or Normalisation(98.06, 51.57)
    for image in task.phantom(2, seed=5).images:
        small = shrunk(image, task.input_shape[:2])
        np.testing.assert_array_equal(
            task.preprocess(small, normalisation), task.preprocess(image, normalisation)
        )


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("nerve-ultrasound", (420, 580)),
        ("nerve-ultrasound", (33, 41)),
        ("brain-mri", (256, 256, 3)),
        ("brain-mri", (300, 190, 3)),
        ("chest-xray", (1024, 1024)),
        ("chest-xray", (200, 300)),
    ],
)
def test_so_does_an_image_of_the_public_set(name: str, shape: tuple[int, ...]) -> None:
    task = plugins.task(name)
    normalisation = task.normalisation or Normalisation(98.06, 51.57)
    image = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
    small = shrunk(image, task.input_shape[:2])
    np.testing.assert_array_equal(
        task.preprocess(small, normalisation), task.preprocess(image, normalisation)
    )


@pytest.mark.parametrize("name", TASKS)
def test_a_phantom_from_a_later_image_on_is_a_slice_of_the_longer_set(name: str) -> None:
    task = plugins.task(name)
    whole, part = task.phantom(4, seed=9), task.phantom(2, seed=9, first=2)
    np.testing.assert_array_equal(part.images, whole.images[2:])
    np.testing.assert_array_equal(part.truth, whole.truth[2:])


def test_a_phantom_set_is_what_the_phantom_draws_whatever_the_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phantoms, "_CHUNK", 2)
    drawn = NERVE.phantom(5, seed=11)
    split = phantoms.held_out(NERVE, {"test_count": 5, "test_seed": 11})
    np.testing.assert_array_equal(split.truth, drawn.truth)
    np.testing.assert_array_equal(
        split.images, [shrunk(image, NERVE.input_shape[:2]) for image in drawn.images]
    )


@pytest.mark.parametrize("table", [{}, {"test_count": 5}, {"test_count": "x", "test_seed": 1}])
def test_a_card_that_does_not_tell_its_held_out_set_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(WattscanError, match="does not say which held-out set"):
        phantoms.held_out(NERVE, table)


def test_a_damaged_set_is_made_again(cache: Path) -> None:
    fresh = kept(NERVE, source(), full_size_truth=False)
    expected = Split(np.array(fresh.images), np.array(fresh.truth))
    (path,) = cache.glob("*/truth.npy")
    for damage in (path.read_bytes()[:-5], b"", bytes(len(path.read_bytes()))):
        path.write_bytes(damage)
        assert_same(kept(NERVE, source(), full_size_truth=False), expected)


def test_two_runs_that_make_one_set_do_not_spoil_it(cache: Path) -> None:
    """The second begins, and ends, while the first is in the middle."""

    def interrupted_by_another() -> Iterator[Example]:
        for number, example in enumerate(examples()):
            if number == 2:
                kept(NERVE, source(), full_size_truth=False)
            yield example

    both = kept(NERVE, source(interrupted_by_another), full_size_truth=False)
    assert both.images.any(axis=(1, 2)).all()
    assert [path.suffix for path in cache.iterdir()] == [""]


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(WattscanError, match="0 images"):
        kept(NERVE, DataSource({}, 0, never), full_size_truth=False)


def test_examples_of_different_sizes_are_told() -> None:
    def mixed() -> Iterator[Example]:
        yield next(examples())
        yield np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8)

    with pytest.raises(WattscanError, match="cannot be scored in one set"):
        kept(NERVE, source(mixed), full_size_truth=True)


@pytest.mark.parametrize("seed", [-499_997, -1, 2**40])
def test_a_seed_that_could_meet_the_held_out_sets_is_refused(seed: int) -> None:
    from wattscan.training import recipe

    with pytest.raises(WattscanError, match="a seed is a whole number from 0"):
        phantoms.describe(NERVE, recipe.load(NERVE.name).data, seed)


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"test_count": 0, "test_seed": 7},
        {"test_count": 10**18, "test_seed": 7},
        {"test_count": float("inf"), "test_seed": 7},
        {"test_count": 5, "test_seed": -1},
    ],
)
def test_a_card_that_asks_for_no_possible_set_is_told(table: dict[str, float]) -> None:
    with pytest.raises(WattscanError, match="does not say which held-out set"):
        phantoms.held_out(NERVE, table)
