"""Where the fuzzers begin: real files and good requests, each with a marker in place of a patient.

What is decoded may be anything; the marker must not be in what is said of it.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image, PngImagePlugin
from pydicom.data import get_testdata_files

from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as tfs
from wattscan.wire import wattscan_v1_pb2 as pb

MARKER = "SECRET^PATIENT"
MAX_BYTES = 16 * 1024
_PLAIN, _CHEST, _NERVE = "signs", "chest-xray-int8", "nerve-ultrasound"


def images() -> list[bytes]:
    """pydicom's small files, and a PNG, a JPEG and a TIFF of several kinds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = [Path(name) for name in sorted(get_testdata_files("*.dcm"))]
        files = [marked(path) for path in paths if path.stat().st_size <= MAX_BYTES]
    return [file for file in files if len(file) <= MAX_BYTES] + _rasters()


def marked(path: Path) -> bytes:
    """The file with the marker as its patient's name; as it is, if pydicom cannot write it."""
    try:
        dataset = pydicom.dcmread(path)
        dataset.PatientName = MARKER
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        return buffer.getvalue()
    except Exception:
        return path.read_bytes()


def _rasters() -> list[bytes]:
    ramp = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
    kinds: list[np.ndarray] = [
        ramp,
        ramp.astype(np.uint16) * 99,
        np.stack([ramp] * 3, axis=-1),
        ramp > 90,
    ]
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", MARKER)
    made = []
    for pixels in kinds:
        made += [saved(pixels, "PNG", pnginfo=text), saved(pixels, "TIFF", description=MARKER)]
        if pixels.dtype == np.uint8:
            made.append(saved(pixels, "JPEG", comment=MARKER))
    made.append(saved(ramp, "TIFF", compression="tiff_lzw"))
    made.append(saved(ramp, "TIFF", compression="jpeg"))
    return made


def saved(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    """An image file of Pillow's."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def oip_requests() -> list[bytes]:
    """Raw, typed, with parameters, with a chosen output, in shared memory."""
    raw, typed, shared = (oip.ModelInferRequest(model_name=_PLAIN, id=MARKER) for _ in range(3))
    for message in (raw, typed, shared):
        message.inputs.add(name="image", datatype="FP32", shape=[2, 4])
    raw.raw_input_contents.append(np.arange(8, dtype="<f4").tobytes())
    raw.outputs.add(name="sign")
    raw.parameters["timeout"].int64_param = 1_000_000
    raw.parameters["priority"].uint64_param = 1
    raw.model_version = "1"
    typed.inputs[0].contents.fp32_contents.extend(range(8))
    integers = oip.ModelInferRequest()
    integers.CopyFrom(typed)
    integers.inputs[0].datatype = "INT8"
    integers.inputs[0].contents.int_contents.extend(range(8))
    shared.inputs[0].parameters["shared_memory_region"].string_param = MARKER
    shared.inputs[0].parameters["shared_memory_byte_size"].int64_param = 32
    return [message.SerializeToString() for message in (raw, typed, integers, shared)]


def predict_requests() -> list[bytes]:
    """In tensor_content, listed one by one, listed in part; by version, label and signature."""
    made = []
    for kind in ("content", "listed", "part", "half"):
        message = tfs.PredictRequest(model_spec=tfs.ModelSpec(name=_PLAIN))
        tensor = message.inputs["image"]
        tensor.dtype = tf.DT_HALF if kind == "half" else tf.DT_FLOAT
        for size in (2, 4):
            tensor.tensor_shape.dim.add(size=size, name=MARKER)
        if kind == "content":
            tensor.tensor_content = np.arange(8, dtype="<f4").tobytes()
            message.model_spec.version.value = 1
        elif kind == "half":
            tensor.half_val.extend(range(8))
            message.model_spec.version_label = MARKER
        else:
            tensor.float_val.extend(range(8 if kind == "listed" else 1))
            message.output_filter.append("sign")
        made.append(message.SerializeToString())
    return made


def classify_requests() -> list[bytes]:
    """Examples with an image file, with and without a context."""
    file = saved(np.full((8, 8), 90, np.uint8), "PNG")
    example = tf.Example()
    example.features.feature["image/encoded"].bytes_list.value.append(file)
    example.features.feature[MARKER].float_list.value.extend([1.0, 2.0])
    plain = tfs.ClassificationRequest(model_spec=tfs.ModelSpec(name=_CHEST))
    plain.input.example_list.examples.append(example)
    context = tfs.ClassificationRequest(model_spec=tfs.ModelSpec(name=_CHEST))
    context.input.example_list_with_context.context.CopyFrom(example)
    context.input.example_list_with_context.examples.add()
    return [plain.SerializeToString(), context.SerializeToString()]


def segment_requests() -> list[bytes]:
    """An image file, and raw tensors of each data type."""
    made = [pb.Image(encoded=saved(np.full((8, 8), 90, np.uint8), "PNG"), frame=0)]
    for kind, dtype in (
        (pb.DATA_TYPE_UINT8, "u1"), (pb.DATA_TYPE_UINT16, "<u2"),
        (pb.DATA_TYPE_INT16, "<i2"), (pb.DATA_TYPE_FP32, "<f4"),
    ):  # fmt: skip
        data = np.arange(64, dtype=dtype).tobytes()
        made.append(pb.Image(raw=pb.RawTensor(data_type=kind, shape=[8, 8], data=data)))
    return [
        pb.SegmentRequest(task=_NERVE, precision=pb.PRECISION_INT8, image=image).SerializeToString()
        for image in made
    ]
