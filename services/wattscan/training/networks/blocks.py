"""What the networks are made of."""

from __future__ import annotations

from typing import Any

from torch import nn

from wattscan.contracts import WattscanError


def normalised(inputs: int, outputs: int, size: int, stride: int = 1) -> list[Any]:
    """A convolution that keeps the size (but for the stride), and its batch normalisation."""
    return [
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> list[Any]:
    """`normalised`, and a ReLU."""
    return [*normalised(inputs, outputs, size, stride), nn.ReLU()]


def check_halvings(
    what: str, input_shape: tuple[int, int, int], halvings: int, outputs: int
) -> None:
    """Raise WattscanError unless the sides can be halved so often, and one mask is wanted."""
    step = 2**halvings
    if input_shape[0] % step or input_shape[1] % step:
        raise WattscanError(f"{what} with {halvings} halvings needs sides divisible by {step}")
    if outputs != 1:
        raise WattscanError(f"{what} gives one mask, not {outputs} findings: choose another task")


class Classifier(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Features -> their mean over the image -> logits (N, outputs).

    The last layer is a 1 x 1 convolution, which every integer engine quantizes as any other.
    """

    def __init__(self, features: Any, channels: int, outputs: int) -> None:
        super().__init__()
        self.features = features
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Conv2d(channels, outputs, 1)
        self.flatten = nn.Flatten()

    def forward(self, image: Any) -> Any:
        """Logits, before the sigmoid."""
        return self.flatten(self.head(self.mean(self.features(image))))
