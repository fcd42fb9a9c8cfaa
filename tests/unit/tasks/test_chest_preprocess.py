"""What the chest network is given, and what its logits become."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattscan.contracts import Finding, InvalidImage, Task, Tensor
from wattscan.tasks.chest_xray import TASK

SIZE = (224, 224)


def network_input(pixels: NDArray[Any]) -> Tensor:
    assert TASK.normalisation is not None
    return TASK.preprocess(pixels, TASK.normalisation)


def findings(logits: NDArray[Any]) -> tuple[Finding, ...]:
    found = TASK.postprocess(np.asarray(logits, np.float32), (1024, 1024))
    assert isinstance(found, tuple)
    return found


def test_it_is_a_task() -> None:
    assert isinstance(TASK, Task)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("shape", [(1024, 1024), SIZE, (1, 1), (33, 700), (64, 48, 3), (64, 48, 1)])
def test_any_type_and_size_gives_zero_to_one_in_three_equal_channels(
    dtype: Any, shape: tuple[int, ...]
) -> None:
    tensor = network_input(np.random.default_rng(0).integers(0, 200, shape).astype(dtype))
    assert tensor.shape == TASK.input_shape
    assert tensor.dtype == np.float32
    assert 0 <= tensor.min() <= tensor.max() <= 1
    for channel in (1, 2):
        np.testing.assert_array_equal(tensor[..., channel], tensor[..., 0])


def test_eight_bits_are_divided_by_255() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, SIZE).astype(np.uint8)
    np.testing.assert_allclose(network_input(pixels)[..., 0], pixels / 255, atol=1e-6)


@pytest.mark.parametrize(
    "ends",
    [
        np.array([0, 65535], np.uint16),
        np.array([-32768, 32767], np.int16),
        np.array([np.finfo(np.float32).min, np.finfo(np.float32).max]),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_whole_range_of_a_type_becomes_zero_to_one(ends: NDArray[Any], channels: int) -> None:
    pixels = np.empty((*SIZE, channels), ends.dtype)
    pixels[:100], pixels[100:] = ends
    tensor = network_input(pixels)
    assert tensor.min() == pytest.approx(0, abs=1e-6)
    assert tensor.max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_a_flat_image_of_more_than_eight_bits_is_black(dtype: Any) -> None:
    assert not network_input(np.full((30, 20), 1234, dtype)).any()


@pytest.mark.parametrize("shape", [(5,), (4, 4, 2), (2, 4, 4, 3), (0, 10), (10, 0, 3)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidImage):
        network_input(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(InvalidImage, match="not finite"):
        network_input(np.array([[0, bad]], np.float32))


def test_findings_come_with_their_names_in_order() -> None:
    found = findings(np.linspace(-3, 3, 14))
    assert tuple(finding.name for finding in found) == TASK.findings
    assert [f.probability for f in found] == sorted(f.probability for f in found)


@given(st.lists(st.floats(-30, 30, width=32), min_size=14, max_size=14))
def test_probabilities_are_the_sigmoid_of_the_logits(logits: list[float]) -> None:
    expected = 1 / (1 + np.exp(-np.array(logits)))
    np.testing.assert_allclose(
        [f.probability for f in findings(np.array(logits))], expected, atol=1e-12
    )


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=14, max_size=14))
def test_a_higher_logit_is_no_less_probable(logits: list[float]) -> None:
    probabilities = [finding.probability for finding in findings(np.sort(logits))]
    assert all(one <= other for one, other in pairwise(probabilities))


def test_sure_answers_do_not_overflow_and_zero_is_one_half() -> None:
    logits = np.zeros(14)
    logits[:2] = -1e4, 1e4
    assert [f.probability for f in findings(np.array(logits))][:3] == [0.0, 1.0, 0.5]


def test_as_many_logits_as_findings_are_needed() -> None:
    with pytest.raises(ValueError):
        findings(np.zeros(13))


def test_the_score_is_the_mean_area_over_the_findings() -> None:
    truth = np.zeros((4, 14), np.uint8)
    truth[2:, :] = 1
    logits = np.repeat(np.arange(4, dtype=np.float32)[:, np.newaxis], 14, axis=1)
    assert TASK.score(logits, truth) == 1
    logits[:, :7] *= -1
    assert TASK.score(logits, truth) == pytest.approx(0.5)
