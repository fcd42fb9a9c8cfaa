"""The area under the ROC curve, against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattscan.clinical.auc import auc_roc, mean_auc_roc

# Few distinct scores, so that there are ties within a class and between the two.
scored = st.lists(st.tuples(st.sampled_from([-2.5, -1, 0, 1e-3, 1, 40]), st.integers(0, 1)))


def arrays(pairs: list[tuple[float, int]]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    return (
        np.array([score for score, _ in pairs], np.float32),
        np.array([truth for _, truth in pairs], np.uint8),
    )


@given(scored)
def test_it_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[float, int]]) -> None:
    positives = [score for score, truth in pairs if truth]
    negatives = [score for score, truth in pairs if not truth]
    wins = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    expected = np.mean(wins) if wins else float("nan")
    assert auc_roc(*arrays(pairs)) == pytest.approx(expected, nan_ok=True)


@given(scored)
def test_a_monotone_change_of_the_scores_changes_nothing(pairs: list[tuple[float, int]]) -> None:
    scores, truth = arrays(pairs)
    assert auc_roc(np.tanh(scores / 50), truth) == pytest.approx(
        auc_roc(scores, truth), nan_ok=True
    )


@given(scored)
def test_the_opposite_question_has_the_opposite_answer(pairs: list[tuple[float, int]]) -> None:
    scores, truth = arrays(pairs)
    assert auc_roc(scores, 1 - truth) == pytest.approx(1 - auc_roc(scores, truth), nan_ok=True)


def test_a_chance_answer_to_many_images_is_one_half() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 40_000).astype(np.uint8)
    assert auc_roc(rng.normal(size=40_000).astype(np.float32), truth) == pytest.approx(
        0.5, abs=0.01
    )


@pytest.mark.parametrize("truth", [[], [0, 0, 0], [1, 1]])
def test_one_class_alone_has_no_area(truth: list[int]) -> None:
    assert math.isnan(auc_roc(np.arange(len(truth), dtype=np.float32), np.array(truth, np.uint8)))


def test_the_mean_is_over_the_findings_that_separate_the_images() -> None:
    truth = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0]], np.uint8)  # nobody has the third
    logits = np.array([[0, 2, 7], [1, 3, 8], [2, 1, 9]], np.float32)
    assert mean_auc_roc(logits, truth) == pytest.approx((1 + 1 / 2) / 2)


def test_images_that_no_finding_separates_have_no_score() -> None:
    with pytest.raises(ValueError, match="both present and absent"):
        mean_auc_roc(np.zeros((3, 2), np.float32), np.array([[1, 0]] * 3, np.uint8))


@pytest.mark.parametrize("shape", [(3, 2), (4, 3), (4,)])
def test_logits_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be scored"):
        mean_auc_roc(np.zeros(shape, np.float32), np.zeros((4, 2), np.uint8))
