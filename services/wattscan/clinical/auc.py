"""Area under the ROC curve, as the Mann-Whitney statistic (Hanley and McNeil, 1982)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import Tensor


def auc_roc(scores: NDArray[np.float32], truth: NDArray[np.uint8]) -> float:
    """How often a positive scores higher than a negative, a tie counting one half.

    Args:
        scores: (N,), any monotonous function of the probability.
        truth: (N,), 0 or 1.

    Returns:
        0 to 1; NaN where all are positive, or none is, or a score is NaN.
    """
    if np.isnan(scores).any():
        return float("nan")
    positives = int(np.count_nonzero(truth))
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # The mean rank of each distinct score, from 1.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = float(ranks[truth != 0].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def mean_auc_roc(logits: Tensor, truth: NDArray[np.uint8]) -> float:
    """The mean over the findings that some images have and some have not.

    Args:
        logits: float32 (N, findings).
        truth: uint8 (N, findings), 0 or 1.

    Raises:
        ValueError: the shapes differ, or no finding separates the images.
    """
    if logits.shape != truth.shape or logits.ndim != 2:
        raise ValueError(f"logits {logits.shape} cannot be scored against findings {truth.shape}")
    if np.isnan(logits).any():
        return float("nan")
    areas = [auc_roc(logits[:, k], truth[:, k]) for k in range(truth.shape[1])]
    known = [area for area in areas if not np.isnan(area)]
    if not known:
        raise ValueError("no finding is both present and absent in these images")
    return float(np.mean(known))
