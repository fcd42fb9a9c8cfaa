"""Is the open first dimension one of images? And does the engine compute what the file says?"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from wattscan.contracts import Batching, EngineUnfit, TensorSpec
from wattscan.plugins import backend
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.repository import Repository
from wattscan.serving.repository.warm_up import rows_are_images
from wattscan.targets import load_target

DATA = Path(__file__).parents[2] / "data"
FLOAT = TensorSpec("x", np.dtype(np.float32), (-1, 3))


class Runner:
    def __init__(self, function):
        self.run = lambda inputs: [function(inputs[0])]


def fails_for_two(array):
    if len(array) > 1:
        raise ValueError("one at a time")
    return array


@pytest.mark.parametrize(
    ("function", "batched"),
    [
        (lambda a: a * 2, True),
        (lambda a: a.sum(axis=1), True),
        (lambda a: np.cumsum(a, axis=0), False),
        (lambda a: a - a.mean(), False),
        (lambda a: a[a > 0], False),
        (lambda a: a[:1], False),
        (fails_for_two, False),
    ],
)
def test_a_model_whose_rows_know_of_each_other_is_run_as_a_whole(function, batched):
    assert rows_are_images(Runner(function), [FLOAT], ModelConfig(Batching())) is batched


def test_sizes_that_are_open_tell_nothing():
    spec = TensorSpec("x", np.dtype(np.float32), (-1, -1))
    doubler = Runner(lambda a: a * 2)
    assert not rows_are_images(doubler, [spec], ModelConfig(Batching()))
    assert rows_are_images(doubler, [spec], ModelConfig(Batching(), warm_up={"x": (1, 5)}))


def test_whole_numbers_of_64_bits_go_to_a_backend_that_has_them(tmp_path):
    path = DATA / "whole_numbers" / "1" / "model.onnx"
    with pytest.raises(EngineUnfit, match="i64"):
        backend("openvino").open_engine(path, {})
    shutil.copytree(DATA / "whole_numbers", tmp_path / "whole_numbers")
    repository = Repository(tmp_path, load_target("cpu"))
    repository.load_all()
    model = repository.get("whole_numbers")
    assert model.backend == "onnxruntime"
    large = np.array([[1, 2**62 + 1]], np.int64)
    np.testing.assert_array_equal(model.engines[0].run([large])[0], large)
    repository.close()
