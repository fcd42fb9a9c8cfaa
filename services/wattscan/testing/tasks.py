"""What every clinical task must do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wattscan import plugins
from wattscan.contracts import Mask, Normalisation, Task

NORMALISATION = Normalisation(100.0, 50.0)
_SIZE = (420, 580)


class TaskContract:
    """Subclass it and set `name`."""

    name: str

    @pytest.fixture
    def task(self) -> Task:
        """The plug-in."""
        return plugins.task(self.name)

    def test_it_fulfils_the_contract(self, task: Task) -> None:
        """It has all that a task has, and a phantom that is called one."""
        assert isinstance(task, Task)
        assert task.name in plugins.names("tasks")
        assert task.kind in ("segmentation", "classification")
        assert task.metric in ("dice", "auc_roc")
        assert "phantom" in task.phantom_dataset

    @pytest.mark.parametrize("shape", [(1, 1), (7, 900), _SIZE, (240, 320, 3)])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
    def test_any_image_becomes_the_networks_input(
        self, task: Task, shape: tuple[int, ...], dtype: Any
    ) -> None:
        """Of any size, type and number of channels."""
        pixels = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
        tensor = task.preprocess(pixels, NORMALISATION)
        assert tensor.shape == task.input_shape
        assert tensor.dtype == np.float32
        assert np.isfinite(tensor).all()

    def test_logits_become_a_result(self, task: Task) -> None:
        """A mask of the image's size, or a probability for each finding."""
        if task.kind == "segmentation":
            height, width, _ = task.input_shape
            logits = np.full((height, width, 1), -5.0, np.float32)
            logits[height // 4 : height // 2, width // 4 : width // 2] = 5.0
            result = task.postprocess(logits, _SIZE)
            assert isinstance(result, Mask)
            assert result.pixels.shape == _SIZE
            assert result.pixels.dtype == np.uint8
            assert set(np.unique(result.pixels)) == {0, 1}
            assert result.pixels[157, 217] == 1
            assert result.pixels[5, 5] == 0
        else:
            findings = task.postprocess(np.zeros(len(task.findings), np.float32), _SIZE)
            assert not isinstance(findings, Mask)
            assert [finding.name for finding in findings] == list(task.findings)
            assert all(finding.probability == pytest.approx(0.5) for finding in findings)

    def test_the_phantom_is_seeded(self, task: Task) -> None:
        """The same seed gives the same images and truth."""
        one, same, other = task.phantom(2, 5), task.phantom(2, 5), task.phantom(2, 6)
        np.testing.assert_array_equal(one.images, same.images)
        np.testing.assert_array_equal(one.truth, same.truth)
        assert (one.images != other.images).any()

    def test_a_right_answer_scores_higher_than_a_wrong_one(self, task: Task) -> None:
        """Its metric goes from 0 to 1, and up."""
        truth = task.phantom(16, 5).truth
        if task.kind == "segmentation":
            height, width, _ = task.input_shape
            rows = np.linspace(0, truth.shape[1] - 1, height).round().astype(int)
            columns = np.linspace(0, truth.shape[2] - 1, width).round().astype(int)
            right = truth[:, rows][:, :, columns, np.newaxis]
        else:
            right = truth
        logits = np.where(right > 0, 5.0, -5.0).astype(np.float32)
        good, bad = task.score(logits, truth), task.score(-logits, truth)
        assert 0 <= bad < good <= 1
        assert good > 0.8
