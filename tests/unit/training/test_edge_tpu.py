"""The Edge TPU's list: what it refuses, on operators made up for it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wattscan.training import edge_tpu


def tensor(*shape: int) -> Any:
    return SimpleNamespace(shape=np.array(shape))


def problem(name: str, options: Any, inputs: list[Any], outputs: list[Any], *constants: Any) -> str:
    """What the list has against the operator; the first input is computed."""
    values = (None, *constants)
    use = edge_tpu._Use(SimpleNamespace(**options), tuple(inputs), tuple(outputs), values)
    rules = (edge_tpu._small_rank, *edge_tpu._SUPPORTED[name][1])
    return "; ".join(found for rule in rules if (found := rule(use)))


IMAGE = tensor(1, 8, 8, 4)


@pytest.mark.parametrize(
    ("name", "options", "constants", "expected"),
    [
        ("CONV_2D", {"dilationWFactor": 1, "dilationHFactor": 1}, [np.ones(3), np.ones(3)], ""),
        (
            "CONV_2D",
            {"dilationWFactor": 2, "dilationHFactor": 1},
            [np.ones(3), np.ones(3)],
            "dilates differently",
        ),
        (
            "CONV_2D",
            {"dilationWFactor": 1, "dilationHFactor": 1},
            [None, np.ones(3)],
            "not constant",
        ),
        ("MAX_POOL_2D", {"fusedActivationFunction": 0}, [], ""),
        ("MAX_POOL_2D", {"fusedActivationFunction": 1}, [], "fused activation"),
        ("AVERAGE_POOL_2D", {"fusedActivationFunction": 3}, [], "fused activation"),
        ("CONCATENATION", {"fusedActivationFunction": 1}, [None], "fused activation"),
        ("CONCATENATION", {"fusedActivationFunction": 0}, [np.zeros(4)], ""),
        ("CONCATENATION", {"fusedActivationFunction": 0}, [np.ones(4)], "not zero"),
        ("MEAN", {}, [np.array([1, 2])], ""),
        ("MEAN", {}, [np.array([0, 1])], "reduces the batch"),
        ("MEAN", {}, [np.array([-4])], "reduces the batch"),
        ("MEAN", {}, [None], "not constant"),
        ("PAD", {}, [np.array([[0, 0], [1, 1], [1, 1], [0, 0]])], ""),
        ("PAD", {}, [np.array([[1, 0], [0, 0], [0, 0], [0, 0]])], "pads the batch"),
    ],
)
def test_limitations(name: str, options: Any, constants: list[Any], expected: str) -> None:
    inputs = [IMAGE] * (1 + len(constants))
    found = problem(name, options, inputs, [IMAGE], *constants)
    assert expected in found if expected else not found


def test_a_mean_over_channels_wants_a_multiple_of_four() -> None:
    channels = np.array([3])
    assert problem("MEAN", {}, [IMAGE, IMAGE], [tensor(1, 8, 8)], channels) == ""
    odd = tensor(1, 8, 8, 6)
    assert "multiple of 4" in problem("MEAN", {}, [odd, odd], [tensor(1, 8, 8)], channels)


def test_only_three_axes_may_be_long() -> None:
    batch = tensor(2, 8, 8, 4)
    assert "three innermost" in problem("ADD", {}, [batch, batch], [batch], None)


def test_a_dense_layers_output_has_one_dimension() -> None:
    weights = [np.ones(3), np.ones(3)]
    plain = {"weightsFormat": 0}
    ok = problem("FULLY_CONNECTED", plain, [IMAGE] * 3, [tensor(1, 10)], *weights)
    bad = problem("FULLY_CONNECTED", plain, [IMAGE] * 3, [tensor(8, 10)], *weights)
    assert (ok, bad) == ("", "its output has several dimensions")
    shuffled = problem(
        "FULLY_CONNECTED", {"weightsFormat": 1}, [IMAGE] * 3, [tensor(1, 10)], *weights
    )
    assert "default form" in shuffled


@pytest.mark.parametrize("option", ["halfPixelCenters", "alignCorners"])
def test_a_resize_of_another_kind_is_refused_whatever_its_version(option: str) -> None:
    options = {"halfPixelCenters": False, "alignCorners": False}
    size = np.array([16, 16])
    call = ("RESIZE_NEAREST_NEIGHBOR", [IMAGE, IMAGE], [tensor(1, 16, 16, 4)], size)
    assert problem(call[0], options, *call[1:]) == ""
    assert "half-pixel" in problem(call[0], {**options, option: True}, *call[1:])
