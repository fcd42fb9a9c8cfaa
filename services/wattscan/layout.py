"""Memory layouts: channels last (NHWC) everywhere, channels first (NCHW) inside ONNX models."""

from __future__ import annotations

import numpy as np

from wattscan.contracts import Tensor


def channels_first(batch: Tensor) -> Tensor:
    """(N, H, W, C) -> (N, C, H, W), contiguous."""
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def channels_last(logits: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W, C); a classification's (N, classes) as it is."""
    return logits.transpose(0, 2, 3, 1) if logits.ndim == 4 else logits
