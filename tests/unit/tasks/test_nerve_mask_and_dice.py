"""From logits to a mask, and the mask's score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from wattscan.clinical.masks import dice
from wattscan.contracts import Task
from wattscan.tasks.nerve_ultrasound import TASK

Mask8 = NDArray[np.uint8]
masks = hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 1))


def test_it_is_a_task() -> None:
    assert isinstance(TASK, Task)


@pytest.mark.parametrize("size", [(80, 112), (420, 580), (1, 1), (37, 900)])
def test_the_mask_has_the_size_of_the_source(size: tuple[int, int]) -> None:
    logits = np.random.default_rng(0).normal(size=(80, 112, 1)).astype(np.float32)
    mask = TASK.postprocess(logits, size).pixels
    assert mask.shape == size
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 1}


def test_probability_one_half_is_nerve() -> None:
    logits = np.array([-1e-3, 0.0, 1e-3], np.float32).reshape(1, 3, 1)
    np.testing.assert_array_equal(TASK.postprocess(logits, (1, 3)).pixels, [[0, 1, 1]])


def test_the_outline_is_interpolated_between_logits() -> None:
    """One row from -1 to 3: zero lies a quarter of the way between the two pixels' centres."""
    logits = np.array([-1.0, 3.0], np.float32).reshape(1, 2, 1)
    mask = TASK.postprocess(logits, (1, 200)).pixels
    assert mask.sum() == pytest.approx(125, abs=2)  # the middle of the mask itself would be 100


@given(masks)
def test_dice_of_a_mask_with_itself_is_one(mask: Mask8) -> None:
    assert dice(mask, mask) == 1


@given(masks, masks)
def test_dice_is_symmetric_and_between_zero_and_one(one: Mask8, other: Mask8) -> None:
    assert dice(one, other) == dice(other, one)
    assert 0 < dice(one, other) <= 1
    assert (dice(one, other) == 1) == bool((one == other).all())


def test_dice_by_hand() -> None:
    one = np.array([[1, 1, 1, 0]], np.uint8)
    other = np.array([[0, 1, 1, 1]], np.uint8)
    assert dice(one, other) == pytest.approx((2 * 2 + 1) / (3 + 3 + 1))


def test_an_empty_truth_costs_a_false_alarm_nearly_all() -> None:
    empty = np.zeros((10, 10), np.uint8)
    assert dice(empty, empty) == 1
    assert dice(np.ones((10, 10), np.uint8), empty) == pytest.approx(1 / 101)


def test_the_score_is_the_mean_over_images_not_over_pixels() -> None:
    truth = np.zeros((2, 80, 112), np.uint8)
    truth[0, :40] = 1
    logits = np.full((2, 80, 112, 1), -5, np.float32)
    logits[0, :40] = 5
    logits[1, 0, 0] = 5  # one false pixel in the image without a nerve
    assert TASK.score(logits, truth) == pytest.approx((1 + 1 / 2) / 2)


def test_a_score_needs_as_many_logits_as_truths() -> None:
    with pytest.raises(ValueError, match="cannot be scored"):
        TASK.score(np.zeros((2, 80, 112, 1), np.float32), np.zeros((3, 80, 112), np.uint8))
    with pytest.raises(ValueError, match="cannot be scored"):
        TASK.score(np.zeros((0, 80, 112, 1), np.float32), np.zeros((0, 80, 112), np.uint8))
