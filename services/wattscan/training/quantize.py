"""Quantization-aware training: the folded FP32 network learns to live with 8 bits."""

from __future__ import annotations

from typing import Any

from wattscan.contracts import Task
from wattscan.training.data import TrainingData
from wattscan.training.fit import Fitted, Options, fit
from wattscan.training.graph import folded, prepared, stop_observing
from wattscan.training.recipe import FitSettings


def quantize(
    network: Any, task: Task, data: TrainingData, settings: FitSettings, seed: int
) -> tuple[Any, Fitted]:
    """Fine-tune with rounding.

    Args:
        network: the trained FP32 network, which is left as it is.
        task: scores the validation set.
        data: the sets that the network was trained on.
        settings: epochs, batch, learning rate, patience.
        seed: of the order of the images.

    Returns:
        The graph, ready for `graph.freeze`, and what the fit did.
    """
    graph = prepared(folded(network))

    def hold(epoch: int) -> None:
        # The first epoch's ranges are kept, so that the weights settle on grids that stand still.
        if epoch == 1:
            stop_observing(graph)

    fitted = fit(graph, task, data, settings, Options(seed=seed, before_epoch=hold))
    return graph, fitted
