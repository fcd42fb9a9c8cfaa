"""Do the two formats of one model give the same answers, whatever engine runs them?"""

from __future__ import annotations

import numpy as np

from wattscan.contracts import Datatype, Task, Tensor

REFERENCE = "onnxruntime"
"""The backend whose CPU provider computes an ONNX file as ONNX defines it."""
FP32_TOLERANCE = 1e-4
"""How far two engines' probabilities may lie apart for one FP32 model."""
MASK_TOLERANCE = 0.01
"""How many pixels two engines may label differently for one FP16 or INT8 model, as a part of those
that either of them marks."""
FINDING_TOLERANCE = 0.02
"""How far 99 % of two engines' probabilities of findings may lie apart for one such model."""


def compared(task: Task, datatype: Datatype, one: Tensor, other: Tensor) -> tuple[bool, str]:
    """Whether two sets of logits of the same images agree, and what was seen.

    Args:
        task: segmentation or classification.
        datatype: of the weights; FP32 must agree to rounding, FP16 and INT8 in what is answered.
        one: logits (N, h, w, 1) or (N, findings).
        other: of the same shape.
    """
    if one.shape != other.shape:
        return False, f"one answers {one.shape}, the other {other.shape}"
    difference = np.abs(_probability(one) - _probability(other))
    largest = float(difference.max())
    if datatype == "fp32":
        note = f"probabilities differ by {largest:.1e} at most"
        return largest <= FP32_TOLERANCE, note  # `<=`: NaN fails
    if task.kind == "segmentation":
        marked = int(np.count_nonzero((one >= 0) | (other >= 0)))
        part = np.count_nonzero((one >= 0) != (other >= 0)) / max(1, marked)
        note = f"{part:.4%} of the marked pixels differ, probabilities by {largest:.3f} at most"
        return bool(part <= MASK_TOLERANCE and not np.isnan(largest)), note
    usual = float(np.percentile(difference, 99))
    note = f"probabilities differ by {largest:.3f} at most, 99 % of them by {usual:.4f} or less"
    return usual <= FINDING_TOLERANCE, note


def _probability(logits: Tensor) -> Tensor:
    # By tanh: exp overflows where a network is sure.
    result: Tensor = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * logits)
    return result
