"""What the network is given, for every kind of frame."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.contracts import InvalidImage, Normalisation
from wattscan.tasks.nerve_ultrasound import TASK

AS_IT_IS = Normalisation(mean=0.0, std=1.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(420, 580), (80, 112), (1, 1), (33, 700), (64, 48, 3)])
def test_any_type_and_size(dtype: Any, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    tensor = TASK.preprocess(pixels, Normalisation(98.06, 51.57))
    assert tensor.shape == TASK.input_shape
    assert tensor.dtype == np.float32
    assert np.isfinite(tensor).all()


def test_normalisation() -> None:
    pixels = np.full((420, 580), 150, np.uint8)
    np.testing.assert_allclose(TASK.preprocess(pixels, Normalisation(100, 25)), 2.0)


def test_eight_bits_are_not_stretched_and_more_bits_are() -> None:
    ramp = np.tile(np.linspace(50, 100, 112), (80, 1))
    eight = TASK.preprocess(ramp.astype(np.uint8), AS_IT_IS)
    sixteen = TASK.preprocess((ramp * 100).astype(np.uint16), AS_IT_IS)
    assert (eight.min(), eight.max()) == (50, 100)
    assert sixteen.min() == pytest.approx(0)
    assert sixteen.max() == pytest.approx(255)


def test_signed_and_unsigned_scales_of_one_image_agree() -> None:
    ramp = np.arange(80 * 112).reshape(80, 112)
    unsigned = TASK.preprocess(ramp.astype(np.uint16), AS_IT_IS)
    signed = TASK.preprocess((ramp - 4000).astype(np.int16), AS_IT_IS)
    np.testing.assert_allclose(unsigned, signed, atol=1e-3)


def test_the_full_float_range_does_not_overflow() -> None:
    extreme = np.finfo(np.float32)
    pixels = np.array([[extreme.min, 0], [0, extreme.max]], np.float32)
    tensor = TASK.preprocess(pixels, AS_IT_IS)
    assert np.isfinite(tensor).all()
    assert tensor.max() == pytest.approx(255, abs=1)


def test_colour_becomes_luminance() -> None:
    green = np.zeros((80, 112, 3), np.uint8)
    green[..., 1] = 200
    np.testing.assert_allclose(TASK.preprocess(green, AS_IT_IS), 0.587 * 200, atol=0.51)


def test_gray_stored_as_colour_is_the_gray() -> None:
    gray = np.random.default_rng(1).integers(0, 256, (420, 580)).astype(np.uint8)
    colour = np.repeat(gray[..., np.newaxis], 3, axis=2)
    np.testing.assert_allclose(
        TASK.preprocess(colour, AS_IT_IS), TASK.preprocess(gray, AS_IT_IS), atol=1
    )


def test_reduction_averages_instead_of_skipping_pixels() -> None:
    stripes = np.zeros((420, 580), np.uint8)
    stripes[:, ::2] = 200
    np.testing.assert_allclose(TASK.preprocess(stripes, AS_IT_IS), 100, atol=12)


@given(value=st.integers(0, 65535))
def test_a_flat_image_is_black_whatever_its_level(value: int) -> None:
    flat = np.full((20, 30), value, np.uint16)
    assert not TASK.preprocess(flat, AS_IT_IS).any()


@pytest.mark.parametrize("shape", [(5,), (4, 4, 2), (2, 4, 4, 3), (0, 10), (10, 0, 3)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidImage):
        TASK.preprocess(np.zeros(shape, np.uint8), AS_IT_IS)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    pixels = np.zeros((10, 10), np.float32)
    pixels[3, 3] = bad
    with pytest.raises(InvalidImage):
        TASK.preprocess(pixels, AS_IT_IS)


def test_the_source_is_left_alone() -> None:
    pixels = np.random.default_rng(2).integers(0, 4096, (50, 60)).astype(np.uint16)
    before = pixels.copy()
    TASK.preprocess(pixels, AS_IT_IS)
    np.testing.assert_array_equal(pixels, before)
