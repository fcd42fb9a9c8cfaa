"""How sure is the difference between two models that were scored on the same images?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import Difference, Task, Tensor
from wattscan.training.data import Split

RESAMPLES = 2000
_SEED = 95


def difference(
    task: Task, held_out: Split, units: Sequence[str], logits: tuple[Tensor, Tensor]
) -> Difference:
    """The second model's score minus the first's, with a 95 % percentile interval.

    The bootstrap of Efron (1979), paired: each resample scores both models. Patients are drawn,
    not images, where a patient has several: images of one are not independent.

    Args:
        task: scores. A segmentation's score is the mean of its images' scores.
        held_out: the images' truth, N of them.
        units: whose each image is, N of them.
        logits: of both models, (N, ...) each.
    """
    truth = np.asarray(held_out.truth)
    before, after = logits
    if task.kind == "segmentation":
        each = _per_image(task, after, truth) - _per_image(task, before, truth)
        changes = [each[drawn].mean() for drawn in _draws(units)]
    else:
        changes = [
            task.score(after[drawn], truth[drawn]) - task.score(before[drawn], truth[drawn])
            for drawn in _draws(units)
            # Of very few images a draw may have one answer alone, which has no AUC.
            if (truth[drawn].min(axis=0) != truth[drawn].max(axis=0)).any()
        ]
    lower, upper = np.percentile(changes, (2.5, 97.5))
    estimate = task.score(after, truth) - task.score(before, truth)
    return Difference(estimate=float(estimate), lower=float(lower), upper=float(upper))


def _draws(units: Sequence[str]) -> Iterator[NDArray[np.intp]]:
    """Indices of the images of each resample."""
    names, of_image = np.unique(np.asarray(units), return_inverse=True)
    by_unit = np.split(np.argsort(of_image, kind="stable"), np.cumsum(np.bincount(of_image))[:-1])
    rng = np.random.default_rng(_SEED)
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, len(names), len(names))
        yield np.concatenate([by_unit[unit] for unit in drawn])


def _per_image(task: Task, logits: Tensor, truth: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.array([task.score(logits[i : i + 1], truth[i : i + 1]) for i in range(len(truth))])
