"""8-bit grids: the numbers that a quantized tensor can hold, and the modules that keep to them.

Uniform affine quantization as in Jacob et al. (2018): real = scale * (integer - zero point).
Activations lie on one grid that both exports share: uint8 in ONNX (OpenVINO computes a signed
Concat wrongly), and the same grid 128 lower as int8 in TFLite (the Edge TPU's type). Weights are
int8, -127..127, symmetric, one scale per output channel; biases are int32.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.ao.quantization.fx._decomposed  # registers the operators below
from torch import nn
from torch.nn import functional

LEVELS = 255
_AVERAGE = 0.05
"""Weight of a new batch in the moving average of a tensor's range."""
_SMALLEST_RANGE = 1e-6
_INT32 = 2**31

Mode = Literal["train", "uint8", "int8"]
"""`train` rounds with a gradient; the others are the frozen graph of one export each."""

_decomposed = torch.ops.quantized_decomposed


def affine_grid(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point (0..255) of the grid over [low, high] and zero.

    After a ReLU low is 0, so the zero point is the grid's lower end, and the engine's kernels
    absorb the ReLU into the rounding.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, _SMALLEST_RANGE) / LEVELS
    return scale, min(LEVELS, max(0, round(-low / scale)))


class ActivationQuantizer(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Rounds one group of tensors (a Concat's inputs and output, a pool's) to their one grid.

    Each member's range is followed by itself, and the grid covers them all.
    """

    def __init__(self, members: int = 1) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(members))
        self.register_buffer("high", torch.zeros(members))
        self.mode: Mode = "train"
        self.observing = True
        self._frozen = (1.0, 0)

    def grid(self) -> tuple[float, int]:
        """Scale and zero point, 0..255."""
        return affine_grid(float(self.low.min()), float(self.high.max()))

    def freeze(self) -> None:
        """Make the grid plain numbers: an exporter cannot trace a tensor's value."""
        self._frozen = self.grid()

    def forward(self, values: Any, member: int = 0) -> Any:
        """The values, rounded to the grid; while training and observing, the grid follows them."""
        if self.mode == "train":
            if self.training and self.observing:
                self._observe(values.detach(), member)
            scale, zero = self.grid()
            return torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, LEVELS)
        scale, zero = self._frozen
        if self.mode == "uint8":
            grid = (scale, zero, 0, LEVELS, torch.uint8)
        else:
            grid = (scale, zero - 128, -128, 127, torch.int8)
        integers = _decomposed.quantize_per_tensor(values, *grid)
        return _decomposed.dequantize_per_tensor(integers, *grid)

    def _observe(self, values: Any, member: int) -> None:
        low, high = values.min().clamp(max=0), values.max().clamp(min=0)
        first = bool(self.high[member] == self.low[member])
        weight = 1.0 if first else _AVERAGE
        self.low[member].lerp_(low, weight)
        self.high[member].lerp_(high, weight)


class QuantizedConvolution(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A convolution whose weights lie on their grid, and whose bias does once frozen."""

    def __init__(self, convolution: Any, quantizer_of_input: ActivationQuantizer) -> None:
        super().__init__()
        self.convolution = convolution
        # In a list: the graph owns the quantizer, this only reads its scale.
        self._input = [quantizer_of_input]
        self.mode: Mode = "train"

    def weight_scales(self) -> Any:
        """One scale per output channel, float32 (O,)."""
        return self.convolution.weight.detach().abs().amax((1, 2, 3)).clamp(min=1e-8) / 127

    def freeze(self) -> None:
        """Compute the integers, once the weights and the grids are final."""
        scales = self.weight_scales()
        spread = scales.view(-1, 1, 1, 1)
        integers = torch.round(self.convolution.weight.detach() / spread).clamp(-127, 127)
        bias_scales = scales * self._input[0].grid()[0]
        bias = torch.round(self.convolution.bias.detach() / bias_scales)
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", torch.zeros_like(scales, dtype=torch.int64))
        self.register_buffer("weight_integers", integers.to(torch.int8))
        self.register_buffer("weight_on_grid", integers * spread)
        self.register_buffer("bias_scales", bias_scales)
        self.register_buffer("bias_integers", bias.to(torch.int32))
        self.register_buffer("bias_on_grid", bias * bias_scales)

    def forward(self, values: Any) -> Any:
        """The convolution of the values with the rounded weights."""
        weight, bias = self._parameters_of_mode()
        old = self.convolution
        return functional.conv2d(
            values, weight, bias, old.stride, old.padding, old.dilation, old.groups
        )

    def _parameters_of_mode(self) -> tuple[Any, Any]:
        if self.mode == "train":
            zeros = torch.zeros(len(self.convolution.weight), dtype=torch.int32)
            weight = torch.fake_quantize_per_channel_affine(
                self.convolution.weight, self.weight_scales(), zeros, 0, -127, 127
            )
            return weight, self.convolution.bias
        grid = (self.scales, self.zeros, 0, -127, 127, torch.int8)
        if self.mode == "int8":
            # The TFLite converter takes no integer constants: float, rounded within the graph.
            integers = _decomposed.quantize_per_channel(self.weight_on_grid, *grid)
            return _decomposed.dequantize_per_channel(integers, *grid), self.bias_on_grid
        weight = _decomposed.dequantize_per_channel(self.weight_integers, *grid)
        limits = (-_INT32, _INT32 - 1, torch.int32)
        bias = _decomposed.dequantize_per_channel(
            self.bias_integers, self.bias_scales, self.zeros, 0, *limits
        )
        return weight, bias
