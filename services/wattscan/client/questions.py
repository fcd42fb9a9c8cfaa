"""What a client sends: requests made of paths, bytes and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import WattscanError
from wattscan.datatypes import NAMES
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb

Image: TypeAlias = str | Path | bytes | NDArray[Any]
"""The path or the bytes of a DICOM, PNG, JPEG or TIFF file; or pixels as the modality gives them,
(height, width) or (height, width, 3), uint8, uint16, int16 or float32."""

_PIXELS: Mapping[np.dtype[Any], pb.DataType] = {
    np.dtype("u1"): pb.DATA_TYPE_UINT8,
    np.dtype("<u2"): pb.DATA_TYPE_UINT16,
    np.dtype("<i2"): pb.DATA_TYPE_INT16,
    np.dtype("<f4"): pb.DATA_TYPE_FP32,
}


def segment(image: Image, task: str, variant: str, frame: int) -> pb.SegmentRequest:
    """Raises: WattscanError: the image cannot be sent."""
    return pb.SegmentRequest(task=task, variant=variant, image=_image(image, frame))


def classify(image: Image, task: str, variant: str, frame: int) -> pb.ClassifyRequest:
    """Raises: WattscanError: the image cannot be sent."""
    return pb.ClassifyRequest(task=task, variant=variant, image=_image(image, frame))


def infer(
    model: str, inputs: Mapping[str, NDArray[Any]], version: str, outputs: Sequence[str]
) -> oip.ModelInferRequest:
    """Raises: WattscanError: an input has a type that the protocol does not have."""
    request = oip.ModelInferRequest(model_name=model, model_version=version)
    for name, values in inputs.items():
        array = np.asarray(values)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype not in NAMES:
            raise WattscanError(
                f"the input {name!r} is {array.dtype}, which the protocol does not have: give one "
                f"of {', '.join(str(dtype) for dtype in NAMES)}"
            )
        request.inputs.add(name=name, datatype=NAMES[array.dtype], shape=array.shape)
        request.raw_input_contents.append(array.tobytes())
    for name in outputs:
        request.outputs.add(name=name)
    return request


def _image(image: Image, frame: int) -> pb.Image:
    if isinstance(image, str | Path):
        try:
            return pb.Image(encoded=Path(image).read_bytes(), frame=frame)
        except OSError as error:
            raise WattscanError(f"the image {image} cannot be read: {error.strerror}") from None
    if isinstance(image, bytes):
        return pb.Image(encoded=image, frame=frame)
    array = np.asarray(image)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype not in _PIXELS:
        raise WattscanError(
            f"pixels are {array.dtype}: give a path, a file's bytes, or an array of "
            f"{', '.join(str(dtype) for dtype in _PIXELS)}"
        )
    raw = pb.RawTensor(data_type=_PIXELS[array.dtype], shape=array.shape, data=array.tobytes())
    return pb.Image(raw=raw, frame=frame)
