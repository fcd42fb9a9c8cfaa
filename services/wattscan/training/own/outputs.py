"""How far the outputs of two files agree, by what kind of output it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from wattscan.clinical.masks import dice
from wattscan.contracts import Agreement, Array, WattscanError

Kind: TypeAlias = Literal["mask", "classes", "values"]
Answers: TypeAlias = Sequence[Sequence[Array]]
"""Of each sample the outputs, in the file's order, in real numbers."""

_MOST_CLASSES = 64
_MASK_AXES, _CLASS_AXES = 4, 2
_SUM_TOLERANCE = 1e-2
_MOST_LOGIT = 50.0  # a probability of 1 for all purposes; coordinates in pixels go further


@dataclass(frozen=True)
class Compared:
    """One output's agreement with the reference; `output` is its place in the file."""

    output: int
    metric: str
    value: float

    def stated(self, reference: str, inputs: str) -> Agreement:
        """As tables have it."""
        return Agreement(self.metric, self.value, reference, inputs)


def compare(reference: Answers, other: Answers) -> list[Compared]:
    """Compare output by output, on the same samples.

    Raises:
        WattscanError: the two have other outputs, or other shapes.
    """
    _check(reference, other)
    found = []
    for output in range(len(reference[0])):
        right, left = (
            [np.asarray(outputs[output], np.float64) for outputs in answers]
            for answers in (reference, other)
        )
        kind = kind_of(right)
        metric = {"mask": "dice", "classes": "top_1", "values": "relative_error"}[kind]
        value = {"mask": _mean_dice, "classes": _top_1, "values": relative_error}[kind](right, left)
        found.append(Compared(output, metric, value))
    return found


def worst(compared: Sequence[Compared]) -> list[Compared]:
    """One for each metric: the output that agrees least."""
    found: dict[str, Compared] = {}
    for each in compared:
        known = found.get(each.metric)
        if known is None or _off(each) > _off(known):
            found[each.metric] = each
    return list(found.values())


def is_close(compared: Sequence[Compared]) -> bool:
    """Whether every output may stand for the reference's."""
    return all(each.stated("", "").is_close for each in compared)


def told(compared: Sequence[Compared]) -> str:
    """For a reader, such as `dice 0.9931`."""
    return ", ".join(f"{each.metric} {each.value:.4f}" for each in compared)


def kind_of(outputs: Sequence[Array]) -> Kind:
    """What an output of the reference is, by its shape and values over all samples.

    A mask has four axes and one channel of probabilities or of logits, or up to 64 channels of
    which the greatest is the class. Classes have two axes, and probabilities that add up to 1, or
    logits. Anything else, such as coordinates, and a mask that marks nothing, is a set of values.
    """
    first = outputs[0]
    if first.ndim == _CLASS_AXES and first.shape[1] > 1:
        return "classes" if _are_classes(outputs) else "values"
    marks = _marking(outputs)
    return "mask" if marks and any(marks(each).any() for each in outputs) else "values"


def _are_classes(outputs: Sequence[Array]) -> bool:
    values = np.concatenate(list(outputs))
    if not np.isfinite(values).all():
        return False
    low, high = float(values.min()), float(values.max())
    if low >= 0:
        return high <= 1 + _SUM_TOLERANCE and bool(
            np.allclose(values.sum(1), 1, atol=_SUM_TOLERANCE)
        )
    return high > 0 and max(-low, high) <= _MOST_LOGIT


def relative_error(reference: Sequence[Array], other: Sequence[Array]) -> float:
    """Root mean square of the differences, over that of the reference; 0 where both are 0."""
    pairs = list(zip(reference, other, strict=True))
    if not all(np.isfinite(a).all() and np.isfinite(b).all() for a, b in pairs):
        same = all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
        return 0.0 if same else 1e9
    wrong = sum(float(np.square(a - b).sum()) for a, b in pairs)
    right = sum(float(np.square(a).sum()) for a, _ in pairs)
    if right == 0:
        return 0.0 if wrong == 0 else 1e9
    return min(float(np.sqrt(wrong / right)), 1e9)


def _check(reference: Answers, other: Answers) -> None:
    shapes = [[[a.shape for a in outputs] for outputs in answers] for answers in (reference, other)]
    if shapes[0] != shapes[1]:
        here, there = ([list(shape) for shape in of[0]] for of in shapes)
        raise WattscanError(
            f"the two files answer in other shapes, {here} and {there}: compare files that take "
            "and give the same tensors"
        )


def _off(each: Compared) -> float:
    return each.value if each.metric == "relative_error" else 1 - each.value


def _mean_dice(reference: Sequence[Array], other: Sequence[Array]) -> float:
    """Mean over samples and, of several classes, over those that either of them marks."""
    marks = _marking(reference)
    if marks is None:
        raise ValueError("the reference's output is no mask")
    scores = []
    for a, b in zip(reference, other, strict=True):
        first, second = marks(a), marks(b)
        for value in sorted({*np.unique(first), *np.unique(second)} - {0}) or [1]:
            pair = ((first == value).astype(np.uint8), (second == value).astype(np.uint8))
            scores.append(dice(*pair))
    return float(np.mean(scores))


def _marking(reference: Sequence[Array]) -> Callable[[Array], Array] | None:
    """What makes of an output the class of each pixel; None where the reference's is no mask."""
    if reference[0].ndim != _MASK_AXES or max(reference[0].shape[1:]) == 1:
        return None
    _, first, middle, last = reference[0].shape
    axis = 1 if first < min(middle, last) else 3
    channels = reference[0].shape[axis]
    # Channels are fewer than pixels: else it is a map of features.
    if (axis == 3 and last >= min(first, middle)) or channels > _MOST_CLASSES:
        return None
    if channels > 1:
        return lambda values: values.argmax(axis)
    low, high = min(float(a.min()) for a in reference), max(float(a.max()) for a in reference)
    if low >= 0 and high <= 1:
        return lambda values: values >= 0.5
    return (lambda values: values >= 0) if low < 0 < high else None


def _top_1(reference: Sequence[Array], other: Sequence[Array]) -> float:
    same = [
        np.mean(a.argmax(1) == b.argmax(1)) if np.isfinite(b).all() else 0.0
        for a, b in zip(reference, other, strict=True)
    ]
    return float(np.mean(same))
