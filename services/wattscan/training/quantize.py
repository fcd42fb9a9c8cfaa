"""From the trained FP32 network to 8 bits: by calibration alone, and by training with rounding."""

from __future__ import annotations

from typing import Any

import torch

from wattscan.contracts import Task
from wattscan.training.data import TrainingData
from wattscan.training.fit import FitOptions, Fitted, batches, fit
from wattscan.training.graph import folded, prepared, stop_observing
from wattscan.training.recipe import FitSettings

CALIBRATION_IMAGES = 256


def calibrated(network: Any, task: Task, data: TrainingData, seed: int) -> Any:
    """Post-training quantization (PTQ): the ranges of the activations are seen, nothing is learnt.

    Args:
        network: the trained FP32 network, which is left as it is.
        task: preprocesses.
        data: `CALIBRATION_IMAGES` of its training images are used.
        seed: of their choice.

    Returns:
        The graph, ready for `graph.freeze` or for training with rounding.
    """
    graph = prepared(folded(network)).train()
    order = torch.Generator().manual_seed(seed)
    size = 8
    with torch.no_grad():
        for number, (batch, _) in enumerate(batches(task, data, size, order)):
            if number * size >= CALIBRATION_IMAGES:
                break
            graph(batch)
    return graph


def trained_with_rounding(
    graph: Any, task: Task, data: TrainingData, settings: FitSettings, options: FitOptions
) -> Fitted:
    """Quantization-aware training (QAT), in place, of what `calibrated` gave.

    Args:
        graph: see above.
        task: scores the validation set.
        data: the sets that the network was trained on.
        settings: epochs, batch, learning rate, patience.
        options: seed, and where progress is kept.
    """
    # The calibrated ranges stand still, so that the weights settle on fixed grids.
    stop_observing(graph)
    return fit(graph, task, data, settings, options)
