"""The brain phantom: reproducible, anatomically in order, and not solved by a threshold."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from wattscan.contracts import Samples
from wattscan.tasks.brain_mri import lesions, phantom
from wattscan.tasks.brain_mri.acquisition import NOISE, WHITE, WHITE_JITTER, acquire
from wattscan.tasks.brain_mri.anatomy import Tissue, tissue
from wattscan.tasks.brain_mri.fields import ellipse, gaussian_blur, ring_noise, soft_step, stroke
from wattscan.tasks.brain_mri.head import draw_head, outline_depth

T1, FLAIR, POST_CONTRAST = 0, 1, 2


@pytest.fixture(scope="module")
def samples() -> Samples:
    return phantom.samples(count=48, seed=3)


@pytest.fixture(scope="module")
def healthy() -> list[Tissue]:
    """Heads as they are before anything is put in them."""
    rows, columns = np.mgrid[-128:128, -128:128].astype(np.float32)
    heads = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        head = draw_head(rng)
        depth = outline_depth(head, columns, rows, rng)
        heads.append(tissue(head, depth, columns, rows, rng))
    return heads


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * np.sum(one & other) / (one.sum() + other.sum()))


def test_a_set_is_a_function_of_its_seed(samples: Samples) -> None:
    again = phantom.samples(count=5, seed=3)
    np.testing.assert_array_equal(again.images, samples.images[:5])
    np.testing.assert_array_equal(again.truth, samples.truth[:5])


def test_a_slice_needs_no_slice_before_it(samples: Samples) -> None:
    image, mask = phantom.frame(3, 40)
    np.testing.assert_array_equal(image, samples.images[40])
    np.testing.assert_array_equal(mask, samples.truth[40])


def test_slices_of_other_seeds_and_indices_differ() -> None:
    slices = [phantom.frame(seed, index) for seed in (3, 4) for index in (0, 1)]
    for i, (image, mask) in enumerate(slices):
        for other_image, other_mask in slices[i + 1 :]:
            assert np.mean(image != other_image) > 0.5
            assert np.any(mask != other_mask)


def test_types_and_shapes(samples: Samples) -> None:
    assert samples.images.shape == (48, *phantom.SIZE, 3)
    assert samples.truth.shape == (48, *phantom.SIZE)
    assert samples.images.dtype == samples.truth.dtype == np.uint8
    assert set(np.unique(samples.truth)) == {0, 1}


def test_every_slice_has_a_lesion_and_their_sizes_differ(samples: Samples) -> None:
    areas = samples.truth.sum(axis=(1, 2))
    assert areas.min() >= phantom.MIN_LESION_PIXELS
    assert areas.max() < 0.15 * samples.truth[0].size
    assert np.percentile(areas, 90) > 4 * np.percentile(areas, 10)


def test_lesions_lie_inside_the_skull(samples: Samples) -> None:
    for image, mask in zip(samples.images, samples.truth, strict=True):
        bright = ndimage.gaussian_filter(image[..., T1].astype(float), 2) > 30
        head = ndimage.binary_fill_holes(bright)
        # Scalp and skull are at least 9 pixels thick, less what the filter adds.
        inner = ndimage.binary_erosion(head, iterations=6)
        assert not np.any(mask.astype(bool) & ~inner)


def test_a_threshold_on_flair_does_poorly(samples: Samples) -> None:
    flair, truth = samples.images[..., FLAIR], samples.truth.astype(bool)
    scores = [
        np.mean([dice(f > level, t) for f, t in zip(flair, truth, strict=True)])
        for level in range(60, 250, 10)
    ]
    # Better than guessing, or the lesions would not show at all.
    assert 0.2 < max(scores) < 0.6


def test_lesions_are_brighter_than_their_surroundings_on_flair_and_darker_on_t1(
    samples: Samples,
) -> None:
    flair, t1 = [], []
    for image, truth in zip(samples.images, samples.truth, strict=True):
        mask = truth.astype(bool)
        near = ndimage.binary_dilation(mask, iterations=14)
        ring = near & ~ndimage.binary_dilation(mask, iterations=5)
        inside = np.median(image[mask].astype(float), axis=0)
        around = image[ring].astype(float)
        flair.append(inside[FLAIR] - np.median(around[:, FLAIR]))
        # Of what lies around, white matter is the brighter part on T1.
        t1.append(inside[T1] - np.percentile(around[:, T1], 75))
    assert np.mean(flair) > 25
    assert np.mean(np.array(flair) > 0) > 0.85
    # Some are faint: they stand out by less than two thirds of what the others do.
    assert np.percentile(flair, 10) < np.mean(flair) * 2 / 3
    assert np.mean(t1) < -5


def test_truth_is_where_at_least_half_of_a_pixel_is_lesion(healthy: list[Tissue]) -> None:
    rows, columns = np.mgrid[-128:128, -128:128].astype(np.float32)
    rng = np.random.default_rng(0)
    within = healthy[0]
    lesion = lesions.draw_lesions(draw_head(rng), rng)[0]
    share = lesions.membership(lesion, columns, rows, within, rng)
    assert share.min() >= 0
    assert share.max() > 0.9
    assert np.all(share <= 1 - within.ventricle + 1e-6)
    assert np.all(share[within.depth < -4] < 0.01)
    # An edge that infiltrates: many pixels are neither the one nor the other.
    assert np.sum((share > 0.1) & (share < 0.9)) > 0.1 * np.sum(share >= 0.5)


def test_tissues_share_the_brain(healthy: list[Tissue]) -> None:
    for within in healthy:
        total = within.fluid + within.cortex + within.nuclei + within.white
        inside = within.depth > 4
        np.testing.assert_allclose(total[inside], 1, atol=0.02)
        assert 0.15 < within.cortex[inside].mean() < 0.65
        assert 0.2 < within.white[inside].mean() < 0.7
        for fraction in (within.scalp, within.skull, within.fluid, within.cortex, within.nuclei):
            assert fraction.dtype == np.float32
            assert fraction.min() >= 0
            assert fraction.max() <= 1


def test_channels_differ_as_their_sequences_do(healthy: list[Tissue], samples: Samples) -> None:
    for one, other in ((T1, FLAIR), (T1, POST_CONTRAST), (FLAIR, POST_CONTRAST)):
        assert np.mean(samples.images[..., one] != samples.images[..., other]) > 0.5
    table = phantom.INTENSITY
    assert table["white"][T1] > table["cortex"][T1] > table["fluid"][T1]
    assert table["cortex"][FLAIR] > table["white"][FLAIR] > table["fluid"][FLAIR]
    # The agent makes the vessels the brightest of the third channel, well above T1's brain.
    brain = samples.images[:, 78:178, 88:168]
    brightest = np.percentile(brain, 99.8, axis=(1, 2)) / np.median(brain, axis=(1, 2))
    assert np.mean(brightest[:, POST_CONTRAST] / brightest[:, T1]) > 1.05


def test_slices_use_the_gray_scale_without_clipping_much(samples: Samples) -> None:
    assert samples.images.std() > 30
    assert np.mean(samples.images == 255) < 0.02


def test_noise_is_rician() -> None:
    air = np.zeros((3, 200, 200), np.float32)
    shown = acquire(air, np.random.default_rng(1)).astype(float)
    # Without signal it is a Rayleigh variable: mean over deviation is sqrt(pi / (4 - pi)).
    for channel, white in enumerate(WHITE):
        plane = shown[..., channel]
        assert plane.mean() / plane.std() == pytest.approx(1.913, abs=0.08)
        sigma = plane.mean() / np.sqrt(np.pi / 2) / 255 * white
        assert NOISE[0] * (1 - WHITE_JITTER) < sigma < NOISE[1] / (1 - WHITE_JITTER)


def test_a_blur_keeps_the_sum_and_spreads_as_far_as_it_says() -> None:
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    blurred = gaussian_blur(point, 2.0)
    np.testing.assert_allclose(blurred, ndimage.gaussian_filter(point, 2.0, truncate=3), atol=1e-5)


def test_fields_have_the_geometry_that_they_claim() -> None:
    y, x = np.mgrid[-40:41, -40:41].astype(np.float32)
    circle = ellipse(x, y, (0, 0), (10, 10))
    np.testing.assert_allclose(circle, 10 - np.hypot(x, y), atol=1e-4)
    bar = stroke(x, y, [(-20, 0, 4), (20, 0, 4)])
    np.testing.assert_allclose(bar[:, 40], 4 - np.abs(y[:, 40]), atol=1e-4)
    assert soft_step(np.zeros((1, 1), np.float32))[0, 0] == pytest.approx(0.5)


def test_noise_around_a_ring_closes() -> None:
    rng = np.random.default_rng(5)
    angle = np.linspace(-np.pi, np.pi, 2001, dtype=np.float32)[np.newaxis]
    ring = ring_noise(angle, np.full_like(angle, 0.5), (4, 40), rng)[0]
    steps = np.abs(np.diff(ring))
    assert abs(ring[0] - ring[-1]) < 3 * steps.max()
    assert ring.max() < ring.mean() + 5 * ring.std()
