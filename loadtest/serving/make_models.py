"""Makes the two networks that the serving benchmark serves; needs the `train` extra's `onnx`.

Weights are drawn, not learnt: speed does not depend on them. Both take the bytes of a U-Net of
256 x 256 x 3 and give a mask's logits, and cost about 4 to 5 ms (light) and 20 to 28 ms (heavy) of
one core of the AMD EPYC that they were tuned on.

    python -m loadtest.serving.make_models
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from loadtest.serving.networks import FOLDER

_SIZE = 256
_OPSET = 17
# Channels at full size.
_NARROW = 8
# Of the file format; runtimes of 2022 read it.
_IR_VERSION = 8


@dataclass(frozen=True)
class Shape:
    """What differs between the networks."""

    stride: int
    kernel: int
    channels: int
    layers: int
    seed: int


SHAPES = {
    "light": Shape(stride=4, kernel=5, channels=32, layers=4, seed=2),
    "heavy": Shape(stride=2, kernel=7, channels=32, layers=7, seed=11),
}


def network(shape: Shape) -> onnx.ModelProto:
    """A strided stem, 3 x 3 convolutions at low resolution, a 1 x 1 convolution at full size.

    `image`, float [batch, 3, 256, 256] -> `logits`, float [batch, 1, 256, 256].
    """
    graph = _Graph(np.random.default_rng(shape.seed))
    graph.convolution("image", "stem", (shape.channels, 3, shape.kernel), shape.stride)
    last = graph.relu("stem")
    for number in range(shape.layers):
        name = f"layer{number}"
        graph.convolution(last, name, (shape.channels, shape.channels, 3), 1)
        last = graph.relu(name)
    graph.convolution(last, "narrow", (_NARROW, shape.channels, 1), 1)
    graph.upsample("narrow", "wide", shape.stride)
    graph.convolution("wide", "logits", (1, _NARROW, 1), 1)
    return graph.model()


class _Graph:
    """Nodes and weights as they are added."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def convolution(self, source: str, name: str, size: tuple[int, int, int], stride: int) -> None:
        """Add one; `size`: channels out, channels in, kernel. He's initialization."""
        to, of, kernel = size
        scale = np.sqrt(2 / (of * kernel * kernel))
        self._weight(f"{name}.w", scale * self._random.standard_normal((to, of, kernel, kernel)))
        self._weight(f"{name}.b", 0.1 * self._random.standard_normal(to))
        # What makes the output exactly 1/stride of the input, for odd kernels and even sizes.
        before, after = kernel // 2, max(kernel - stride - kernel // 2, 0)
        self._nodes.append(
            helper.make_node(
                *("Conv", [source, f"{name}.w", f"{name}.b"], [name]),
                name=name,
                kernel_shape=[kernel, kernel],
                strides=[stride, stride],
                pads=[before, before, after, after],
            )
        )

    def relu(self, source: str) -> str:
        """Add one; returns its output's name."""
        self._nodes.append(helper.make_node("Relu", [source], [f"{source}.relu"]))
        return f"{source}.relu"

    def upsample(self, source: str, name: str, factor: int) -> None:
        """Add a nearest-neighbour one."""
        self._weight("scales", np.array([1, 1, factor, factor]))
        modes = {"mode": "nearest", "nearest_mode": "floor"}
        modes["coordinate_transformation_mode"] = "asymmetric"
        self._nodes.append(helper.make_node("Resize", [source, "", "scales"], [name], **modes))

    def model(self) -> onnx.ModelProto:
        """The whole, checked."""
        sides = [
            helper.make_tensor_value_info(
                name, onnx.TensorProto.FLOAT, ["batch", channels, _SIZE, _SIZE]
            )
            for name, channels in (("image", 3), ("logits", 1))
        ]
        graph = helper.make_graph(self._nodes, "wattscan", sides[:1], sides[1:], self._weights)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _weight(self, name: str, values: NDArray[Any]) -> None:
        self._weights.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))


def main() -> None:
    """Write both, and print what `networks.py` pins."""
    for name, shape in SHAPES.items():
        content = network(shape).SerializeToString(deterministic=True)
        Path(FOLDER / f"{name}.onnx").write_bytes(content)
        print(f"{name}: {len(content)} bytes, {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
