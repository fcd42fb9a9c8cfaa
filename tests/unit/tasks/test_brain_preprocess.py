"""What the brain network is given, for every kind of slice."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattscan.contracts import InvalidImage, Normalisation, Task, Tensor
from wattscan.tasks.brain_mri import TASK

SIZES = [(256, 256), (64, 48), (300, 512), (256, 256, 3), (70, 90, 3)]


def network_input(pixels: NDArray[Any]) -> Tensor:
    assert TASK.normalisation is not None
    return TASK.preprocess(pixels, TASK.normalisation)


def uneven(shape: tuple[int, ...], low: int = 0, high: int = 256) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(low, high, shape)


def test_it_is_a_task() -> None:
    assert isinstance(TASK, Task)
    assert TASK.findings == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("shape", [*SIZES, (1, 2), (3, 700)])
def test_the_whole_image_has_zero_mean_and_unit_deviation(
    dtype: Any, shape: tuple[int, ...]
) -> None:
    tensor = network_input(uneven(shape).astype(dtype))
    assert tensor.shape == TASK.input_shape
    assert tensor.dtype == np.float32
    assert tensor.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert tensor.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)


def test_the_channels_keep_what_tells_them_apart() -> None:
    pixels = np.stack([uneven((256, 256), low, low + 50) for low in (0, 100, 200)], axis=-1)
    means = network_input(pixels.astype(np.uint8)).mean(axis=(0, 1))
    assert means[0] < means[1] - 1 < means[2] - 2


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize(
    ("dtype", "gain", "offset"),
    [
        (np.uint16, 257, 0),
        (np.uint16, 1, 65535 - 255),
        (np.int16, 257, -32768),
        (np.float32, 1e-6, 0.0),
        (np.float32, 2.6e36, -3.3e38),
    ],
)
def test_any_scale_gives_what_plain_floats_give(
    shape: tuple[int, ...], dtype: Any, gain: float, offset: float
) -> None:
    pixels = uneven(shape)
    pixels.flat[:2] = 0, 255  # from end to end of the type
    scaled = (pixels * gain + offset).astype(dtype)
    expected = network_input(pixels.astype(np.float32))
    np.testing.assert_allclose(network_input(scaled), expected, atol=2e-3)


@settings(max_examples=30)
@given(gain=st.floats(0.5, 1e4), offset=st.floats(-1e4, 1e4))
def test_an_affine_change_of_intensity_changes_nothing(gain: float, offset: float) -> None:
    pixels = uneven((90, 70, 3)).astype(np.float32)
    changed = (pixels * gain + offset).astype(np.float32)
    np.testing.assert_allclose(network_input(changed), network_input(pixels), atol=2e-3)


def test_an_inverted_image_is_the_negative() -> None:
    pixels = uneven((80, 80), -3000, 3000).astype(np.int16)
    np.testing.assert_allclose(network_input(-pixels), -network_input(pixels), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_one_sequence_stands_for_all_three(dtype: Any) -> None:
    plane = uneven((90, 70)).astype(dtype)
    tensor = network_input(plane)
    np.testing.assert_array_equal(tensor[..., 0], tensor[..., 2])
    np.testing.assert_array_equal(network_input(plane[..., np.newaxis]), tensor)
    np.testing.assert_allclose(network_input(np.stack([plane] * 3, axis=-1)), tensor, atol=1e-5)


@settings(max_examples=40)
@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_an_image_of_one_value_is_all_zero(value: float) -> None:
    assert not network_input(np.full((60, 41), value, np.float32)).any()


@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, 255), (np.uint16, 65535), (np.int16, -7)])
def test_a_flat_image_of_integers_is_all_zero(dtype: Any, value: int) -> None:
    assert not network_input(np.full((33, 57, 3), value, dtype)).any()


def test_the_cards_normalisation_comes_after_the_images_own() -> None:
    pixels = uneven((256, 256, 3)).astype(np.uint8)
    moved = TASK.preprocess(pixels, Normalisation(mean=1.0, std=2.0))
    np.testing.assert_allclose(moved, (network_input(pixels) - 1) / 2, atol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (4, 4, 2), (4, 4, 4), (2, 4, 4, 3), (0, 10), (10, 0, 3)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidImage):
        network_input(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    pixels = np.zeros((10, 10, 3), np.float32)
    pixels[3, 3, 1] = bad
    with pytest.raises(InvalidImage, match="not finite"):
        network_input(pixels)


def test_the_source_is_left_alone() -> None:
    pixels = uneven((50, 60, 3)).astype(np.uint16)
    before = pixels.copy()
    network_input(pixels)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("size", SIZES)
def test_floats_count_as_single_ones_whatever_the_size(size: tuple[int, ...]) -> None:
    wide = 1e9 + uneven(size) / 7
    np.testing.assert_array_equal(network_input(wide), network_input(wide.astype(np.float32)))


def test_a_single_bright_pixel_on_a_high_ground_keeps_its_height() -> None:
    pixels = np.full((256, 256), 60_000, np.uint16)
    pixels[3, 5] += 1
    tensor = network_input(pixels)
    share = 1 / pixels.size
    spread = np.sqrt(share * (1 - share))
    np.testing.assert_allclose(tensor[3, 5], (1 - share) / spread, rtol=1e-5)
    np.testing.assert_allclose(tensor[0, 0], -share / spread, rtol=1e-3)
