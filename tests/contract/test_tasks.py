"""One suite over all tasks."""

import numpy as np
import pytest

from wattscan import plugins
from wattscan.contracts import Mask, Normalisation, Task

NORMALISATION = Normalisation(100.0, 50.0)


@pytest.fixture(params=plugins.names("tasks"))
def task(request):
    return plugins.task(request.param)


def test_it_fulfils_the_contract(task):
    assert isinstance(task, Task)
    assert task.name in plugins.names("tasks")
    assert task.metric in ("dice", "auc_roc")
    assert "phantom" in task.phantom_dataset


@pytest.mark.parametrize("shape", [(1, 1), (7, 900), (420, 580), (240, 320, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_any_image_becomes_the_networks_input(task, shape, dtype):
    pixels = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    tensor = task.preprocess(pixels, NORMALISATION)
    assert tensor.shape == task.input_shape
    assert tensor.dtype == np.float32
    assert np.isfinite(tensor).all()


def test_logits_become_a_result(task):
    if task.kind == "segmentation":
        height, width, _ = task.input_shape
        logits = np.full((height, width, 1), -5.0, np.float32)
        logits[height // 4 : height // 2, width // 4 : width // 2] = 5.0
        result = task.postprocess(logits, (420, 580))
        assert isinstance(result, Mask)
        assert result.pixels.shape == (420, 580)
        assert result.pixels.dtype == np.uint8
        assert set(np.unique(result.pixels)) == {0, 1}
        assert result.pixels[157, 217] == 1
        assert result.pixels[5, 5] == 0
    else:
        findings = task.postprocess(np.zeros(len(task.findings), np.float32), (420, 580))
        assert [f.name for f in findings] == list(task.findings)
        assert all(f.probability == pytest.approx(0.5) for f in findings)


def test_the_phantom_is_seeded(task):
    one, same, other = task.phantom(2, 5), task.phantom(2, 5), task.phantom(2, 6)
    np.testing.assert_array_equal(one.images, same.images)
    np.testing.assert_array_equal(one.truth, same.truth)
    assert (one.images != other.images).any()
