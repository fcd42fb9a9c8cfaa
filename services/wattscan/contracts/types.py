"""Names for what the stages exchange."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int16] | NDArray[np.float32]
"""An image as the modality gives it: (height, width) or (height, width, 3), any scale."""

Tensor: TypeAlias = NDArray[np.float32]
Array: TypeAlias = NDArray[Any]
Datatype = Literal["fp32", "fp16", "int8"]
DATATYPES: tuple[Datatype, ...] = ("fp32", "fp16", "int8")
TaskKind = Literal["segmentation", "classification"]
Format = Literal["onnx", "onnx-symmetric", "tflite"]
Method = Literal["counter", "integrated", "modelled"]
Scope = Literal["system", "board", "chip", "rail"]
