"""When two engines' answers to the same images count as the same."""

import numpy as np
import pytest

from wattscan import plugins
from wattscan.contracts import DATATYPES, Datatype, Task, Tensor
from wattscan.training.agreement import compared

NERVE, CHEST = plugins.task("nerve-ultrasound"), plugins.task("chest-xray")


def logits(task: Task, seed: int = 0) -> Tensor:
    shape = (2, 50, 100, 1) if task is NERVE else (100, 14)
    return (3 * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def agree(task: Task, datatype: Datatype, one: Tensor, other: Tensor) -> bool:
    return compared(task, datatype, one, other)[0]


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("task", [NERVE, CHEST], ids=lambda task: task.name)
def test_equal_answers_agree_and_other_ones_do_not(task: Task, datatype: Datatype) -> None:
    one = logits(task)
    assert agree(task, datatype, one, one.copy())
    assert not agree(task, datatype, one, logits(task, seed=1))


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("task", [NERVE, CHEST], ids=lambda task: task.name)
def test_answers_that_are_no_numbers_never_agree(task: Task, datatype: Datatype) -> None:
    one = logits(task)
    broken = one.copy()
    broken[0, 0] = np.nan
    for pair in ((one, broken), (broken, one), (broken, broken)):
        assert not agree(task, datatype, *pair)


@pytest.mark.parametrize(("error", "agreed"), [(3e-4, True), (5e-4, False)])
def test_fp32_must_agree_to_rounding_everywhere(error: float, agreed: bool) -> None:
    one = logits(CHEST)
    one[7, 3] = 0  # where the sigmoid is steepest: a quarter of the error
    other = one.copy()
    other[7, 3] += error
    assert agree(CHEST, "fp32", one, other) is agreed


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("task", [NERVE, CHEST], ids=lambda task: task.name)
def test_how_sure_a_sure_answer_is_does_not_matter(task: Task, datatype: Datatype) -> None:
    sign = np.sign(logits(task))
    assert agree(task, datatype, sign * np.float32(1e4), sign * np.float32(3e4))


@pytest.mark.parametrize(("flipped", "agreed"), [(1, True), (2, False)])
def test_int8_masks_may_differ_in_a_hundredth_of_what_is_marked(flipped: int, agreed: bool) -> None:
    """However large the image around it is."""
    one = np.full((1, 50, 100, 1), -3, np.float32)
    one.reshape(-1)[:100] = 3
    other = one.copy()
    other.reshape(-1)[:flipped] = -3
    assert agree(NERVE, "int8", one, other) is agreed
    told = f"{flipped / 100:.4%} of the marked pixels differ"
    assert told in compared(NERVE, "int8", one, other)[1]


def test_answers_of_different_shapes_do_not_agree() -> None:
    one, other = np.zeros((2, 14), np.float32), np.zeros((2, 13), np.float32)
    assert not agree(CHEST, "int8", one, other)


@pytest.mark.parametrize(("changed", "agreed"), [(10, True), (20, False)])
def test_int8_findings_may_differ_in_a_hundredth_of_the_answers(changed: int, agreed: bool) -> None:
    one = np.zeros((100, 14), np.float32)
    other = one.copy()
    other.reshape(-1)[:changed] = 0.4  # a probability of 0.6 for 0.5
    assert agree(CHEST, "int8", one, other) is agreed


@pytest.mark.parametrize(("step", "agreed"), [(0.07, True), (0.09, False)])
def test_int8_findings_may_all_differ_a_little(step: float, agreed: bool) -> None:
    one = np.zeros((100, 14), np.float32)
    assert agree(CHEST, "int8", one, one + np.float32(step)) is agreed


def test_the_note_says_what_was_seen() -> None:
    one = np.zeros((2, 14), np.float32)
    other = one.copy()
    other[0, 0] = 50
    assert compared(CHEST, "fp32", one, other)[1] == "probabilities differ by 5.0e-01 at most"
    assert "differ by 0.500 at most" in compared(CHEST, "int8", one, other)[1]
