"""The bottleneck ResNet of He, Zhang, Ren and Sun (2016), of any width.

The stride sits on the 3 x 3 convolution (the "1.5" variant that frameworks ship), and the first
pool is 2 x 2: padding a pool's input needs an operator that accelerators do not take.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from wattscan.contracts import WattscanError
from wattscan.training.networks.blocks import Classifier, convolution, normalised

_EXPANSION = 4
_SMALLEST_SIDE = 32


class _Bottleneck(nn.Module):  # type: ignore[misc]  # torch has no types here
    """1 x 1, 3 x 3, 1 x 1, beside the identity or, where the shape changes, a 1 x 1."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = _EXPANSION * width
        self.main = nn.Sequential(
            *convolution(inputs, width, 1),
            *convolution(width, width, 3, stride),
            *normalised(width, outputs, 1),
        )
        same = inputs == outputs and stride == 1
        self.skip = (
            nn.Identity() if same else nn.Sequential(*normalised(inputs, outputs, 1, stride))
        )
        self.relu = nn.ReLU()
        # A block begins as its skip, so that a deep network learns from the first step
        # (Goyal et al., 2017).
        nn.init.zeros_(self.main[-1].weight)

    def forward(self, values: Any) -> Any:
        return self.relu(self.main(values) + self.skip(values))


def build(
    input_shape: tuple[int, int, int], outputs: int, *, width: int, blocks: list[int]
) -> Classifier:
    """`blocks` bottlenecks in each stage, the first `width` wide: 64 and 3-4-6-3 is ResNet-50.

    Raises:
        WattscanError: the input is too small to be halved five times.
    """
    if min(input_shape[:2]) < _SMALLEST_SIDE:
        raise WattscanError(f"a ResNet needs sides of {_SMALLEST_SIDE} pixels or more")
    layers = [*convolution(input_shape[2], width, 7, 2), nn.MaxPool2d(2)]
    channels = width
    for stage, count in enumerate(blocks):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(_Bottleneck(channels, width * 2**stage, stride))
            channels = _EXPANSION * width * 2**stage
    return Classifier(nn.Sequential(*layers), channels, outputs)
