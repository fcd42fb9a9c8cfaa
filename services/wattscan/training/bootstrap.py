"""How sure is the difference between two models that were scored on the same images?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import Difference, Task, Tensor
from wattscan.training.data import Split

RESAMPLES = 2000
_SEED = 95


def difference(task: Task, held_out: Split, before: Tensor, after: Tensor) -> Difference:
    """The score of `after` minus that of `before`, with a 95 % percentile interval.

    The bootstrap of Efron (1979), paired: each resample of the images scores both models.

    Args:
        task: scores. A segmentation's score is the mean of its images' scores.
        held_out: the images' truth, N of them.
        before: logits (N, ...) of one model.
        after: logits (N, ...) of the other.
    """
    truth = np.asarray(held_out.truth)
    rng = np.random.default_rng(_SEED)
    draws = (rng.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES))
    if task.kind == "segmentation":
        each = _per_image(task, after, truth) - _per_image(task, before, truth)
        resampled = np.array([each[chosen].mean() for chosen in draws])
    else:
        resampled = np.array(
            [
                task.score(after[chosen], truth[chosen]) - task.score(before[chosen], truth[chosen])
                for chosen in draws
            ]
        )
    lower, upper = np.percentile(resampled, (2.5, 97.5))
    estimate = task.score(after, truth) - task.score(before, truth)
    return Difference(estimate=float(estimate), lower=float(lower), upper=float(upper))


def _per_image(task: Task, logits: Tensor, truth: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.array([task.score(logits[i : i + 1], truth[i : i + 1]) for i in range(len(truth))])
