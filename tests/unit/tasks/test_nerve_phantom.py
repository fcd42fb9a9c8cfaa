"""The nerve phantom: reproducible, and with the physics that it claims."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from wattscan.contracts import Samples
from wattscan.tasks.nerve_ultrasound import TASK
from wattscan.tasks.nerve_ultrasound.phantom import FRAME_SIZE, NERVE_FRACTION, frame
from wattscan.tasks.nerve_ultrasound.speckle import Beam, Receiver, envelope, receive


@pytest.fixture(scope="module")
def samples() -> Samples:
    return TASK.phantom(count=48, seed=3)


def test_a_set_is_a_function_of_its_seed(samples: Samples) -> None:
    again = TASK.phantom(count=5, seed=3)
    np.testing.assert_array_equal(again.images, samples.images[:5])
    np.testing.assert_array_equal(again.truth, samples.truth[:5])


def test_frames_of_other_seeds_and_indices_differ() -> None:
    frames = [frame(seed, index)[0] for seed in (3, 4) for index in (0, 1)]
    for i, one in enumerate(frames):
        for other in frames[i + 1 :]:
            assert np.mean(one != other) > 0.5


def test_types_and_shapes(samples: Samples) -> None:
    assert samples.images.shape == samples.truth.shape == (48, *FRAME_SIZE)
    assert samples.images.dtype == samples.truth.dtype == np.uint8
    assert set(np.unique(samples.truth)) == {0, 1}


def test_most_frames_show_one_nerve_and_some_show_none(samples: Samples) -> None:
    shown = samples.truth.any(axis=(1, 2))
    # 48 draws: two in a thousand samples would lie outside 3 standard errors.
    assert abs(shown.mean() - NERVE_FRACTION) < 3 * np.sqrt(0.65 * 0.35 / 48)
    for mask in samples.truth[shown]:
        assert ndimage.label(mask)[1] == 1
        assert 0.005 < mask.mean() < 0.08


def test_a_nerve_is_darker_than_its_rim(samples: Samples) -> None:
    differences = []
    for image, mask in zip(samples.images, samples.truth, strict=True):
        if mask.any():
            inside = ndimage.distance_transform_edt(mask)
            core = image[inside > 0.4 * inside.max()].mean()
            rim = image[(inside > 0) & (inside < 0.12 * inside.max())].mean()
            differences.append(rim - core)
    assert np.mean(differences) > 20
    assert np.mean(np.array(differences) > 0) > 0.9


def test_frames_use_the_gray_scale_without_clipping_much(samples: Samples) -> None:
    assert 60 < samples.images.mean() < 140
    assert samples.images.std() > 25
    assert np.mean(samples.images == 255) < 0.02


def test_speckle_is_rayleigh_distributed(stats: Any) -> None:
    beam = Beam(axial=1.1, lateral_at_focus=2.0, focus=200, focal_range=150)
    echo = envelope(np.ones((400, 560), np.float32), beam, np.random.default_rng(0))
    assert echo.mean() == pytest.approx(1.0, abs=0.03)
    # The ratio of a Rayleigh variable's mean to its standard deviation: sqrt(pi / (4 - pi)).
    assert echo.mean() / echo.std() == pytest.approx(1.913, abs=0.06)
    # Samples further apart than the point spread function are independent.
    apart = echo[10:-10:12, 20:-20:24].ravel()
    assert stats.kstest(apart, stats.rayleigh(scale=np.sqrt(2 / np.pi)).cdf).pvalue > 0.01


def test_the_beam_is_narrowest_at_its_focus() -> None:
    beam = Beam(axial=1.0, lateral_at_focus=2.0, focus=200, focal_range=100)
    echo = envelope(np.ones((400, 560), np.float32), beam, np.random.default_rng(1))

    def lateral_correlation(rows: slice) -> float:
        part = echo[rows] - echo[rows].mean()
        return float(np.mean(part[:, 4:] * part[:, :-4]) / np.mean(part * part))

    assert lateral_correlation(slice(180, 220)) < lateral_correlation(slice(360, 400)) - 0.1


def test_attenuation_darkens_with_depth_and_the_time_gain_undoes_it() -> None:
    echo = np.ones((400, 50), np.float32)
    rng = np.random.default_rng(2)

    def slope(compensation: float) -> float:
        receiver = Receiver(0.01, 0.5, compensation, -120, 120, 128)
        gray = receive(echo, receiver, rng).astype(float).mean(axis=1)
        return float(gray[-1] - gray[0]) * 120 / 255

    # 0.5 dB/cm/MHz at 10 MHz, there and back: 10 dB a cm, and 4 cm of depth.
    assert slope(compensation=0) == pytest.approx(-40, abs=1)
    assert slope(compensation=10) == pytest.approx(0, abs=1)
