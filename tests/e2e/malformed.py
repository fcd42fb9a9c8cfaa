"""Requests that are wrong, each in its own way, and the status that each must get.

`MALFORMED` has (method, bytes, status); `IN_STREAM` messages of a stream, which goes on after them.
The service has `tiny` and `nerve-ultrasound-fp32`.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from rig import TINY, oip_request, tfs_request, typed_request

from odd_images import png_header
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as tfs
from wattscan.wire import wattscan_v1_pb2 as pb

SEGMENT, CLASSIFY = "/wattscan.v1.ImagingService/Segment", "/wattscan.v1.ImagingService/Classify"
_OIP, _TFS = "/inference.GRPCInferenceService", "/tensorflow.serving.PredictionService"
INFER, PREDICT = f"{_OIP}/ModelInfer", f"{_TFS}/Predict"
BAD, MISSING = "INVALID_ARGUMENT", "NOT_FOUND"
_SHAPE = (4, 4, 1)


def good_oip(number=1.0):
    return oip_request(number, TINY, shape=_SHAPE)


def good_tfs(number=1.0):
    return tfs_request(number, TINY, shape=_SHAPE)


def _typed(**changes):
    message = typed_request()
    for name, value in changes.items():
        field = getattr(message, name)
        if hasattr(field, "CopyFrom"):
            field.CopyFrom(value)
        else:
            setattr(message, name, value)
    return message


def _encoded(data):
    return _typed(image=pb.Image(encoded=data))


def _raw(shape, data, kind=pb.DATA_TYPE_UINT8):
    return _typed(image=pb.Image(raw=pb.RawTensor(data_type=kind, shape=shape, data=data)))


def _png():
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


def _changed(make, change):
    message = make()
    change(message)
    return message


def _of_oip(change):
    return _changed(good_oip, change)


def _of_tfs(change):
    return _changed(good_tfs, change)


def _set(path, value):
    """A change of one field, such as `model_spec.name` or `inputs.0.datatype`."""
    *way, last = path.split(".")

    def change(message):
        for name in way:
            message = message[int(name)] if name.isdigit() else getattr(message, name)
        if last.isdigit():
            message[int(last)] = value
        else:
            setattr(message, last, value)

    return change


def _region(message):
    message.inputs[0].parameters["shared_memory_region"].string_param = "none"
    message.inputs[0].parameters["shared_memory_byte_size"].int64_param = 64


def _other_input(message):
    message.inputs["other"].CopyFrom(message.inputs["image"])


def _strings(message):
    message.inputs["image"].dtype = tf.DT_STRING


_BROKEN = b"\xff" * 40
_NAN = np.full((8, 8), np.nan, "<f4").tobytes()

_INFERS = [
    (b"\x2a\xff\x01\x02", BAD),  # an input that ends too early
    (_of_oip(_set("model_name", "SECRET")), MISSING),
    (_of_oip(_set("model_version", "9")), MISSING),
    (_of_oip(_set("model_version", "one")), MISSING),
    (_of_oip(_set("inputs.0.datatype", "INT8")), BAD),
    (_of_oip(_set("inputs.0.datatype", "BYTES")), BAD),
    (_of_oip(_set("inputs.0.name", "SECRET")), BAD),
    (_of_oip(lambda m: m.inputs[0].shape.append(2)), BAD),
    (_of_oip(_set("inputs.0.shape.0", -1)), BAD),
    (_of_oip(_set("raw_input_contents.0", b"short")), BAD),
    (_of_oip(lambda m: m.raw_input_contents.append(b"more")), BAD),
    (_of_oip(lambda m: m.ClearField("raw_input_contents")), BAD),
    (_of_oip(lambda m: m.inputs.append(m.inputs[0])), BAD),
    (_of_oip(lambda m: m.outputs.add(name="SECRET")), BAD),
    (_of_oip(lambda m: m.parameters["sequence_id"].__setattr__("int64_param", 3)), BAD),
    (_of_oip(_region), BAD),
]
_SEGMENTS = [
    (_BROKEN, BAD),
    (_encoded(b""), BAD),
    (_encoded(b"hello " * 20), BAD),
    (_encoded(_png()[:40]), BAD),
    (_encoded(png_header(10_000, 10_000)), BAD),
    (_typed(task="SECRET"), MISSING),
    (_typed(task="chest-xray"), MISSING),
    (_typed(precision=pb.PRECISION_UNSPECIFIED), BAD),
    (_typed(image=pb.Image()), BAD),
    (_raw([8, 9], bytes(64)), BAD),
    (_raw([1, 8, 8, 1], bytes(64)), BAD),
    (_raw([8, 8], bytes(64), pb.DATA_TYPE_UNSPECIFIED), BAD),
    (_raw([8, 8], _NAN, pb.DATA_TYPE_FP32), BAD),
]
_PREDICTS = [
    (_BROKEN, BAD),
    (_of_tfs(_set("model_spec.name", "")), BAD),
    (_of_tfs(_set("model_spec.name", "SECRET")), MISSING),
    (_of_tfs(_set("model_spec.version_label", "SECRET")), MISSING),
    (_of_tfs(_set("model_spec.signature_name", "SECRET")), "FAILED_PRECONDITION"),
    (_of_tfs(_other_input), BAD),
    (_of_tfs(_strings), BAD),
    (_of_tfs(lambda m: m.output_filter.append("SECRET")), BAD),
]
_OTHERS = [
    (CLASSIFY, pb.ClassifyRequest(task="nerve-ultrasound", precision=pb.PRECISION_FP32), BAD),
    (f"{_TFS}/Classify", tfs.ClassificationRequest(model_spec=tfs.ModelSpec(name=TINY)), BAD),
    (f"{_TFS}/Regress", tfs.RegressionRequest(), "UNIMPLEMENTED"),
    (f"{_OIP}/CudaSharedMemoryStatus", oip.CudaSharedMemoryStatusRequest(), "UNIMPLEMENTED"),
    (f"{_OIP}/NoSuchMethod", b"", "UNIMPLEMENTED"),
    ("/no.such.Service/Method", b"x", "UNIMPLEMENTED"),
]


def data_of(message):
    return message if isinstance(message, bytes) else message.SerializeToString()


MALFORMED = [
    *((SEGMENT, data_of(message), code) for message, code in _SEGMENTS),
    *((INFER, data_of(message), code) for message, code in _INFERS),
    *((PREDICT, data_of(message), code) for message, code in _PREDICTS),
    *((method, data_of(message), code) for method, message, code in _OTHERS),
]
IN_STREAM = [data_of(message) for message, _ in _INFERS]
