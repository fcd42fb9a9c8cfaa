"""Fits: what is learnt, when they stop, and that an interruption changes nothing (train extra)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wattscan import plugins
from wattscan.contracts import Normalisation, Task, WattscanError

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="training needs the train extra")

from wattscan.training import fit as fitting  # noqa: E402
from wattscan.training.data import Split, TrainingData  # noqa: E402
from wattscan.training.fit import FitOptions, deterministic, fit, predict  # noqa: E402
from wattscan.training.losses import classification_loss, segmentation_loss  # noqa: E402
from wattscan.training.recipe import FitSettings  # noqa: E402

SETTINGS = FitSettings(epochs=4, batch=4, learning_rate=1e-2, patience=10)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    deterministic(0)


@pytest.fixture
def task() -> Task:
    return plugins.task("nerve-ultrasound")


def a_set(count: int, seed: int) -> Split:
    """Frames of 80 x 112 with a bright square, and its mask."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 90, (count, 80, 112)).astype(np.uint8)
    masks = np.zeros((count, 80, 112), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        row, column = rng.integers(10, 40), rng.integers(10, 70)
        mask[row : row + 25, column : column + 25] = 1
        image[mask == 1] += 100
    return Split(images, masks)


@pytest.fixture
def data() -> TrainingData:
    return TrainingData(a_set(16, 0), a_set(8, 1), Normalisation(50.0, 40.0))


def a_network() -> Any:
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 1)
    )


def test_a_fit_learns(task: Task, data: TrainingData, tmp_path: Path) -> None:
    network = a_network()
    before = task.score(
        predict(network, task, data.validation.images, data.normalisation), data.validation.truth
    )
    longer = replace(SETTINGS, epochs=25)
    fitted = fit(network, task, data, longer, FitOptions(0, tmp_path / "progress"))
    assert fitted.validation_score > before + 0.3
    again = predict(network, task, data.validation.images, data.normalisation)
    # The weights of the best epoch are left in the network.
    assert task.score(again, data.validation.truth) == pytest.approx(fitted.validation_score)


def test_an_interrupted_fit_ends_as_an_uninterrupted_one(
    task: Task, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = a_network(), a_network()
    expected = fit(whole, task, data, SETTINGS, FitOptions(0, tmp_path / "whole"))

    class Killed(Exception):
        pass

    told = fitting._report

    def die(progress: Any, *more: Any) -> None:
        if progress.epoch == 3:
            raise Killed
        told(progress, *more)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "_report", die)
        with pytest.raises(Killed):
            fit(broken, task, data, SETTINGS, FitOptions(0, tmp_path / "broken"))
    resumed = a_network()
    fitted = fit(resumed, task, data, SETTINGS, FitOptions(0, tmp_path / "broken"))
    assert (fitted.epochs, fitted.best_epoch) == (expected.epochs, expected.best_epoch)
    assert fitted.validation_score == expected.validation_score
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_progress_of_another_fit_is_not_used(
    task: Task, data: TrainingData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "progress"
    fit(a_network(), task, data, SETTINGS, FitOptions(0, place))
    capsys.readouterr()
    fit(a_network(), task, data, SETTINGS, FitOptions(1, place))  # another seed
    assert "going on" not in capsys.readouterr().err


def test_a_fit_of_other_data_does_not_go_on(
    task: Task, data: TrainingData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "progress"
    fit(a_network(), task, data, SETTINGS, FitOptions(0, place, ["split by image"]))
    capsys.readouterr()
    fit(a_network(), task, data, SETTINGS, FitOptions(0, place, ["split by patient"]))
    assert "going on" not in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04cut"])
def test_damaged_progress_is_told_and_not_used(
    content: bytes,
    task: Task,
    data: TrainingData,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "progress"
    place.write_bytes(content)
    assert fit(a_network(), task, data, SETTINGS, FitOptions(0, place)).epochs == 4
    assert "damaged" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_weights(
    task: Task, data: TrainingData, tmp_path: Path
) -> None:
    one, other = a_network(), a_network()
    for number, network in enumerate((one, other)):
        fit(network, task, data, SETTINGS, FitOptions(7, tmp_path / str(number)))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_it_stops_when_validation_no_longer_improves(
    task: Task, data: TrainingData, tmp_path: Path
) -> None:
    still = FitSettings(epochs=9, batch=4, learning_rate=0.0, patience=2)
    fitted = fit(a_network(), task, data, still, FitOptions(0, tmp_path / "progress"))
    assert (fitted.epochs, fitted.best_epoch) == (3, 1)


def test_a_fit_that_diverges_is_told(task: Task, data: TrainingData, tmp_path: Path) -> None:
    wild = FitSettings(epochs=3, batch=4, learning_rate=1e30, patience=9)
    with pytest.raises(WattscanError, match="lower the recipe's learning_rate"):
        fit(a_network(), task, data, wild, FitOptions(0, tmp_path / "progress"))


def test_less_than_a_batch_is_refused(task: Task, data: TrainingData, tmp_path: Path) -> None:
    large = FitSettings(epochs=1, batch=17, learning_rate=1e-2, patience=1)
    with pytest.raises(WattscanError, match="less than one batch of 17"):
        fit(a_network(), task, data, large, FitOptions(0, tmp_path / "progress"))


def masks(*values: float) -> Any:
    return torch.tensor([float(value) for value in values]).view(1, 1, 1, -1)


def test_the_segmentation_loss_is_small_for_the_truth_and_large_for_its_opposite() -> None:
    truth = masks(1, 0, 1, 0)
    good = segmentation_loss(masks(9, -9, 9, -9), truth)
    bad = segmentation_loss(masks(-9, 9, -9, 9), truth)
    assert float(good) < 0.01
    assert float(bad) > 5


def test_an_empty_mask_can_be_learnt() -> None:
    logits = masks(1.0, 1.0).requires_grad_()
    segmentation_loss(logits, masks(0, 0)).backward()
    assert (logits.grad > 0).all()


def test_the_classification_loss_is_of_each_finding_by_itself() -> None:
    logits, truth = torch.tensor([[0.0, 20.0]]), torch.tensor([[1.0, 1.0]])
    # -log(1/2) and about 0, their mean.
    assert float(classification_loss(logits, truth)) == pytest.approx(np.log(2) / 2, abs=1e-4)


def test_findings_are_predicted_one_row_an_image() -> None:
    chest = plugins.task("chest-xray")
    images: NDArray[np.uint8] = np.zeros((5, 224, 224), np.uint8)
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    logits = predict(network, chest, images, Normalisation(0.0, 255.0), batch=2)
    assert logits.shape == (5, 3)
