"""What the fit makes small, by the kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from wattscan.contracts import Task


def loss_for(task: Task) -> Callable[[Any, Any], Any]:
    """(logits, truth) -> the loss of a batch, a scalar tensor."""
    return segmentation_loss if task.kind == "segmentation" else classification_loss


def segmentation_loss(logits: Any, masks: Any) -> Any:
    """Cross-entropy plus 1 - soft Dice of the batch, both (N, 1, H, W).

    Dice over the batch, not per image: an empty mask has no gradient of its own.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * masks).sum()
    soft_dice = (2 * overlap + 1) / (probability.sum() + masks.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, masks) + 1 - soft_dice


def classification_loss(logits: Any, findings: Any) -> Any:
    """Cross-entropy of each finding by itself, both (N, findings): several may be there at once."""
    return functional.binary_cross_entropy_with_logits(logits, findings)
