"""The ResNet of He, Zhang, Ren and Sun (2016), of any width and depth.

A bottleneck's stride sits on its 3 x 3 convolution (the "1.5" variant that frameworks ship), and
the first pool is 2 x 2: padding a pool's input needs an operator that accelerators do not take.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from wattscan.contracts import WattscanError
from wattscan.training.networks.blocks import Classifier, convolution, normalised

_EXPANSION = {"basic": 1, "bottleneck": 4}
_SMALLEST_SIDE = 32


class _Block(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Convolutions beside the identity or, where the shape changes, a 1 x 1 one."""

    def __init__(self, kind: str, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = _EXPANSION[kind] * width
        if kind == "basic":
            layers = [*convolution(inputs, width, 3, stride), *normalised(width, outputs, 3)]
        else:
            layers = [
                *convolution(inputs, width, 1),
                *convolution(width, width, 3, stride),
                *normalised(width, outputs, 1),
            ]
        self.main = nn.Sequential(*layers)
        same = inputs == outputs and stride == 1
        self.skip = (
            nn.Identity() if same else nn.Sequential(*normalised(inputs, outputs, 1, stride))
        )
        self.relu = nn.ReLU()

    def forward(self, values: Any) -> Any:
        return self.relu(self.main(values) + self.skip(values))


def build(
    input_shape: tuple[int, int, int], outputs: int, *, block: str, width: int, blocks: list[int]
) -> Classifier:
    """`blocks` blocks in each stage, the first `width` wide.

    ResNet-18 is `basic`, 64 and 2-2-2-2; ResNet-50 is `bottleneck`, 64 and 3-4-6-3.

    Raises:
        WattscanError: no such kind of block, or an input too small to be halved five times.
    """
    if block not in _EXPANSION:
        raise WattscanError(f"a ResNet has {' or '.join(_EXPANSION)} blocks, not {block!r}")
    if min(input_shape[:2]) < _SMALLEST_SIDE:
        raise WattscanError(f"a ResNet needs sides of {_SMALLEST_SIDE} pixels or more")
    layers = [*convolution(input_shape[2], width, 7, 2), nn.MaxPool2d(2)]
    channels = width
    for stage, count in enumerate(blocks):
        for number in range(count):
            stride = 2 if stage > 0 and number == 0 else 1
            layers.append(_Block(block, channels, width * 2**stage, stride))
            channels = _EXPANSION[block] * width * 2**stage
    return Classifier(nn.Sequential(*layers), channels, outputs)
