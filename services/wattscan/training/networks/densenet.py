"""The DenseNet of Huang, Liu, van der Maaten and Weinberger (2017): the paper's code uses the 121.

Its normalisation stands before a convolution, mostly after a concatenation, where there is no
convolution to fold it into: `graph.folded` makes those a 1 x 1 depthwise convolution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wattscan.contracts import WattscanError
from wattscan.training.networks.blocks import Classifier, convolution

_BOTTLENECK = 4
_SMALLEST_SIDE = 32


class _Layer(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Adds `growth` channels to its input."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.added = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            *convolution(inputs, _BOTTLENECK * growth, 1),
            nn.Conv2d(_BOTTLENECK * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, values: Any) -> Any:
        return torch.cat([values, self.added(values)], 1)


def build(
    input_shape: tuple[int, int, int], outputs: int, *, growth: int, blocks: list[int]
) -> Classifier:
    """`blocks` layers in each dense block: growth 32 and 6-12-24-16 is DenseNet-121.

    Raises:
        WattscanError: the input is too small to be halved five times.
    """
    if min(input_shape[:2]) < _SMALLEST_SIDE:
        raise WattscanError(f"a DenseNet needs sides of {_SMALLEST_SIDE} pixels or more")
    channels = 2 * growth
    layers: list[Any] = [*convolution(input_shape[2], channels, 7, 2), nn.MaxPool2d(2)]
    for number, count in enumerate(blocks):
        for _ in range(count):
            layers.append(_Layer(channels, growth))
            channels += growth
        layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        if number < len(blocks) - 1:
            halved = channels // 2
            layers += [nn.Conv2d(channels, halved, 1, bias=False), nn.AvgPool2d(2)]
            channels = halved
    return Classifier(nn.Sequential(*layers), channels, outputs)
