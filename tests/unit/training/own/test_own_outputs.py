"""How far two files' outputs agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wattscan.contracts import WattscanError
from wattscan.training.own.outputs import compare, is_close, kind_of, worst

RANDOM = np.random.default_rng(3)
VALUES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
    elements=st.floats(-100, 100, width=32),
)


@given(VALUES)
def test_the_same_answers_agree_wholly(array):
    (found,) = compare([[array]], [[array]])
    assert found.value == (0 if found.metric == "relative_error" else 1)
    assert is_close([found])


@given(VALUES, VALUES)
def test_an_agreement_is_a_figure_that_the_page_takes(one, other):
    if one.shape != other.shape:
        with pytest.raises(WattscanError, match="other shapes"):
            compare([[one]], [[other]])
        return
    (found,) = compare([[one]], [[other]])
    assert 0 <= found.value <= 1e9


def blob(channels_first=True, low=-1.0):
    mask = np.full((1, 1, 8, 8), low, np.float32)
    mask[:, :, 2:5, 2:5] = 1.0
    return mask if channels_first else mask.transpose(0, 2, 3, 1)


@pytest.mark.parametrize("array", [blob(), blob(False), blob(low=0.0)])
def test_a_mask_of_logits_or_probabilities_in_either_layout(array):
    assert kind_of([array]) == "mask"
    (found,) = compare([[array]], [[np.roll(array, 4, axis=2)]])
    assert found.metric == "dice" and found.value < 0.2 and not is_close([found])


def test_a_mask_of_several_classes_is_compared_class_by_class():
    logits = RANDOM.normal(size=(1, 4, 16, 16))
    (found,) = compare([[logits]], [[logits + 1e-6]])
    assert (found.metric, found.value) == ("dice", 1.0)
    (found,) = compare([[logits]], [[logits[:, [1, 2, 3, 0]]]])
    assert found.value < 0.6


@pytest.mark.parametrize("array", [
    np.zeros((1, 1, 8, 8), np.float32),  # marks nothing
    np.full((1, 1, 8, 8), 7.5, np.float32),  # no mask
    RANDOM.normal(size=(1, 128, 8, 8)),  # features
    RANDOM.normal(size=(1, 1)),
    RANDOM.normal(size=(1, 5, 6)),
    RANDOM.uniform(0, 64, size=(1, 15)),  # coordinates
    RANDOM.uniform(-20, 300, size=(1, 15)),
    RANDOM.uniform(0, 1, size=(1, 15)),  # do not add up to 1
])  # fmt: skip
def test_anything_else_is_a_set_of_values(array):
    assert kind_of([array]) == "values"


def test_classes_by_the_greatest():
    logits = RANDOM.normal(size=(10, 1, 6))
    other = logits.copy()
    other[0] = -other[0]
    (found,) = compare([[one] for one in logits], [[one] for one in other])
    assert (found.metric, found.value) == ("top_1", pytest.approx(0.9))


def test_nan_is_not_close():
    right = [[np.ones((1, 3, 3))]]
    (found,) = compare(right, [[np.full((1, 3, 3), np.nan)]])
    assert not is_close([found])
    (found,) = compare([[np.array([[-1.0, 2.0]])]], [[np.full((1, 2), np.nan)]])
    assert (found.metric, found.value) == ("top_1", 0)


def test_the_output_that_agrees_least_is_told_of():
    right = [[np.ones((1, 3, 3)), np.ones((1, 3, 3))]]
    found = worst(compare(right, [[np.ones((1, 3, 3)), np.full((1, 3, 3), 1.5)]]))
    assert [(each.output, each.value) for each in found] == [(1, 0.5)]
