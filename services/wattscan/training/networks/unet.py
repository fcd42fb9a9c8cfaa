"""The U-Net of Ronneberger, Fischer and Brox (2015), as the paper uses it for ultrasound.

With batch normalisation, and with a nearest-neighbour resize before a convolution where the
original has a transposed convolution: that is what every integer engine quantizes whole.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wattscan.training.networks.blocks import check_halvings, convolution


class UNet(nn.Module):  # type: ignore[misc]  # torch has no types here
    """An encoder and a decoder with a skip at each level: (N, C, H, W) -> (N, 1, H, W) logits."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        inputs = [channels, *widths[:-1]]
        self.encoders = nn.ModuleList(_block(i, o) for i, o in zip(inputs, widths, strict=True))
        self.pool = nn.MaxPool2d(2)
        self.enlarge = nn.ModuleList(nn.Upsample(scale_factor=2) for _ in widths[1:])
        self.decoders = nn.ModuleList(
            _block(below + same, same)
            for below, same in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, image: Any) -> Any:
        """Logits, before the sigmoid."""
        skips = []
        features = self.encoders[0](image)
        for encoder in self.encoders[1:]:
            skips.append(features)
            features = encoder(self.pool(features))
        for enlarge, decoder in zip(self.enlarge, self.decoders, strict=True):
            features = decoder(torch.cat([enlarge(features), skips.pop()], 1))
        return self.head(features)


def build(input_shape: tuple[int, int, int], outputs: int, *, width: int, depth: int) -> UNet:
    """A U-Net of `depth` levels whose first has `width` filters, each next twice as many.

    Raises:
        WattscanError: the input cannot be halved `depth` - 1 times, or several outputs are wanted.
    """
    check_halvings("a U-Net", input_shape, depth - 1, outputs)
    return UNet(input_shape[2], width, depth)


def _block(inputs: int, outputs: int) -> Any:
    return nn.Sequential(*convolution(inputs, outputs, 3), *convolution(outputs, outputs, 3))
