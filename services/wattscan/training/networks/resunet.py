"""The residual U-Net of Zhang, Liu and Wang (2018), as the paper uses it for brain MRI.

The activation comes after each convolution, not before it, so that batch normalisation folds; and
the decoder resizes to the nearest neighbour, as `unet` does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wattscan.training.networks.blocks import check_halvings, convolution, normalised


class ResUNet(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Residual blocks down and up, with a skip at each level: (N, C, H, W) -> (N, 1, H, W)."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        inputs = [channels, *widths[:-1]]
        self.encoders = nn.ModuleList(
            _Residual(i, o, 1 if level == 0 else 2)
            for level, (i, o) in enumerate(zip(inputs, widths, strict=True))
        )
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        # The 1 x 1 convolution before the resize: the same numbers as after it, at a quarter.
        self.enlarge = nn.ModuleList(
            nn.Sequential(nn.Conv2d(below, below, 1), nn.Upsample(scale_factor=2))
            for below, _ in steps
        )
        self.decoders = nn.ModuleList(_Residual(below + same, same, 1) for below, same in steps)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, image: Any) -> Any:
        """Logits, before the sigmoid."""
        skips = []
        features = self.encoders[0](image)
        for encoder in self.encoders[1:]:
            skips.append(features)
            features = encoder(features)
        for enlarge, decoder in zip(self.enlarge, self.decoders, strict=True):
            features = decoder(torch.cat([enlarge(features), skips.pop()], 1))
        return self.head(features)


class _Residual(nn.Module):  # type: ignore[misc]
    """Two convolutions beside a 1 x 1 one."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *convolution(inputs, outputs, 3, stride), *normalised(outputs, outputs, 3)
        )
        self.skip = nn.Sequential(*normalised(inputs, outputs, 1, stride))
        self.relu = nn.ReLU()

    def forward(self, values: Any) -> Any:
        return self.relu(self.main(values) + self.skip(values))


def build(input_shape: tuple[int, int, int], outputs: int, *, width: int, depth: int) -> ResUNet:
    """`depth` levels, the first with `width` filters, each next with twice as many.

    Raises:
        WattscanError: the input cannot be halved `depth` - 1 times, or several outputs are wanted.
    """
    check_halvings("a residual U-Net", input_shape, depth - 1, outputs)
    return ResUNet(input_shape[2], width, depth)
