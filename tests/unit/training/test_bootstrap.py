"""The interval of a difference between two models that saw the same images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wattscan import plugins
from wattscan.contracts import Difference, Task, Tensor
from wattscan.training import bootstrap
from wattscan.training.data import Split

NERVE, CHEST = plugins.task("nerve-ultrasound"), plugins.task("chest-xray")
SIZE = (8, 10)


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)


def split(truth: NDArray[np.uint8]) -> Split:
    return Split(np.zeros((len(truth), 1, 1), np.uint8), truth)


def difference(task: Task, held_out: Split, before: Tensor, after: Tensor) -> Difference:
    """Each image of another patient."""
    units = [str(number) for number in range(len(held_out.truth))]
    return bootstrap.difference(task, held_out, units, (before, after))


def masks(count: int) -> NDArray[np.uint8]:
    return (np.random.default_rng(0).random((count, *SIZE)) < 0.3).astype(np.uint8)


def answers(truth: NDArray[np.uint8], noise: float, seed: int) -> Tensor:
    """Logits of a model that knows the truth but for its noise; of one image more than another."""
    rng = np.random.default_rng(seed)
    spread = noise * rng.uniform(0.2, 1.8, (len(truth),) + (1,) * (truth.ndim - 1))
    logits = (2.0 * truth - 1 + spread * rng.normal(size=truth.shape)).astype(np.float32)
    return logits[..., np.newaxis] if truth.ndim == 3 else logits


def segmented(count: int, noise: tuple[float, float] = (1.0, 0.8)) -> Difference:
    truth = masks(count)
    return difference(NERVE, split(truth), *(answers(truth, n, k) for k, n in enumerate(noise)))


def classified(count: int, noise: tuple[float, float] = (3.0, 2.0)) -> Difference:
    truth = (np.random.default_rng(1).random((count, 3)) < 0.3).astype(np.uint8)
    return difference(CHEST, split(truth), *(answers(truth, n, k) for k, n in enumerate(noise)))


@pytest.mark.parametrize("shape", [(12, *SIZE), (12, 3)])
def test_a_model_does_not_differ_from_itself(shape: tuple[int, ...]) -> None:
    truth = np.indices(shape).sum(axis=0).astype(np.uint8) % 2
    task = NERVE if len(shape) == 3 else CHEST
    logits = answers(truth, 1.0, 0)
    assert difference(task, split(truth), logits, logits) == Difference(0, 0, 0)


@pytest.mark.parametrize("task", [NERVE, CHEST], ids=lambda task: task.name)
def test_the_estimate_is_the_difference_of_the_scores(task: Task) -> None:
    truth = masks(20) if task is NERVE else masks(20)[:, :, 0]
    before, after = answers(truth, 2.0, 0), answers(truth, 0.5, 1)
    expected = task.score(after, truth) - task.score(before, truth)
    assert expected > 0.05
    assert difference(task, split(truth), before, after).estimate == pytest.approx(expected)


@pytest.mark.parametrize("found", [segmented, classified])
def test_the_interval_is_around_the_estimate_and_narrower_with_more_images(
    found: Callable[[int], Difference],
) -> None:
    few, many = found(30), found(480)
    for one in (few, many):
        assert one.lower < one.estimate < one.upper
    # Sixteen times the images: a quarter of the width.
    assert many.upper - many.lower < (few.upper - few.lower) / 2.5


def test_the_interval_is_that_of_95_percent() -> None:
    """Of a mean of many images: 1.96 standard errors on either side."""
    truth = masks(300)
    before, after = answers(truth, 1.0, 0), answers(truth, 0.8, 1)
    found = difference(NERVE, split(truth), before, after)
    each = [
        NERVE.score(after[i : i + 1], truth[i : i + 1])
        - NERVE.score(before[i : i + 1], truth[i : i + 1])
        for i in range(len(truth))
    ]
    expected = 2 * 1.96 * np.std(each) / np.sqrt(len(truth))
    assert found.upper - found.lower == pytest.approx(expected, rel=0.2)


def test_swapping_the_models_mirrors_the_interval() -> None:
    truth = masks(25)
    one, other = answers(truth, 1.0, 0), answers(truth, 0.7, 1)
    there, back = (difference(NERVE, split(truth), *pair) for pair in ((one, other), (other, one)))
    assert back.estimate == pytest.approx(-there.estimate)
    assert back.lower == pytest.approx(-there.upper)
    assert back.upper == pytest.approx(-there.lower)


def test_the_same_gain_on_every_image_is_certain() -> None:
    truth = np.repeat(masks(1), 15, axis=0)
    right, empty = answers(truth, 0.0, 0), np.full((15, *SIZE, 1), -1, np.float32)
    gain = difference(NERVE, split(truth), empty, right)
    assert gain.estimate > 0.5
    assert gain.lower == pytest.approx(gain.estimate, abs=1e-12)
    assert gain.upper == pytest.approx(gain.estimate, abs=1e-12)


def test_models_are_compared_on_the_same_images() -> None:
    """Images differ far more than models do: unpaired, the interval would hold zero."""
    truth = np.repeat(masks(1), 40, axis=0)
    before = answers(truth, 0.0, 0)
    before[::2] = -1  # half the images are not found by either
    after = before.copy()
    before[1::2, 0, 0] *= -1  # and in the others one pixel more is wrong
    gain = difference(NERVE, split(truth), before, after)
    assert 0 < gain.lower < gain.estimate < gain.upper < 0.1


def test_the_same_models_have_the_same_interval_every_time() -> None:
    assert segmented(20) == segmented(20)
    assert classified(40) == classified(40)


def test_images_of_one_patient_are_drawn_together() -> None:
    """Four times the same images of ten patients are worth no more than ten images."""
    truth = masks(10)
    before, after = answers(truth, 1.0, 0), answers(truth, 0.8, 1)
    once = difference(NERVE, split(truth), before, after)
    copies: list[Any] = [np.repeat(one, 4, axis=0) for one in (truth, before, after)]
    patients = [str(number // 4) for number in range(40)]
    together = bootstrap.difference(NERVE, split(copies[0]), patients, (copies[1], copies[2]))
    apart = difference(NERVE, split(copies[0]), copies[1], copies[2])
    width = together.upper - together.lower
    assert width == pytest.approx(once.upper - once.lower, rel=0.3)
    assert width > 1.5 * (apart.upper - apart.lower)
