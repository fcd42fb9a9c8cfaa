"""Records requests as TensorFlow Serving's stock stubs put them on the wire.

Run by the Python of `requirements-tensorflow.txt`; what it writes is committed, so that the server
is held to the real bytes where TensorFlow is not installed.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

FOLDER = Path(__file__).parents[1] / "recorded" / "tensorflow_serving"
PACKAGES = ("tensorflow-serving-api", "tensorflow-cpu", "protobuf", "numpy")
MODEL, INPUT, VERSION = "tiny", "image", 1
IMAGE = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)

README = """\
# Requests of TensorFlow Serving's stock client

The serialized messages of `tensorflow_serving.apis`, one a file, written by
`tests/clients/record_tensorflow.py` in the environment of
`tests/clients/requirements-tensorflow.txt`:

    build/clients/tensorflow/bin/python tests/clients/record_tensorflow.py

Recorded with Python {python}, {versions}.

The model is `{model}`, its version {version}, its input `{input}`: float, {shape}, with the values
0 to {last}, row by row.

| file | message | what is in it |
| --- | --- | --- |
{rows}
"""


def requests() -> Iterator[tuple[str, Any, str]]:
    """Name, message, what is in it."""
    content = tf.make_tensor_proto(IMAGE)
    assert content.tensor_content
    yield "predict_content", _predict(content), "the elements in `tensor_content`"

    typed = tf.make_tensor_proto(0.0, tf.float32, shape=())
    del typed.float_val[:]
    typed.float_val.extend(IMAGE.ravel().tolist())
    typed.tensor_shape.CopyFrom(tf.TensorShape(IMAGE.shape).as_proto())
    yield "predict_float_val", _predict(typed), "the elements in `float_val`"

    repeated = tf.make_tensor_proto(2.5, tf.float32, shape=IMAGE.shape)
    assert len(repeated.float_val) == 1
    yield "predict_one_value", _predict(repeated), "one element, 2.5, that stands for all"

    labelled = _predict(content)
    labelled.model_spec.version_label = "stable"
    labelled.output_filter.append("mask")
    says = "a `version_label`, `stable`, and the `output_filter` `mask`"
    yield "predict_label_filter", labelled, says

    classify = _specified(classification_pb2.ClassificationRequest())
    feature = classify.input.example_list.examples.add().features.feature[INPUT]
    feature.float_list.value.extend(IMAGE.ravel().tolist())
    yield "classify", classify, f"an example with `{INPUT}` as a list of floats"

    encoded = _specified(classification_pb2.ClassificationRequest())
    feature = encoded.input.example_list.examples.add().features.feature["image/encoded"]
    feature.bytes_list.value.append(tf.io.encode_png(IMAGE[0].astype(np.uint8)).numpy())
    says = "an example with the same values as a PNG file in `image/encoded`"
    yield "classify_encoded", encoded, says

    metadata = _specified(get_model_metadata_pb2.GetModelMetadataRequest())
    metadata.metadata_field.append("signature_def")
    yield "get_model_metadata", metadata, "the field `signature_def`"

    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = MODEL
    yield "get_model_status", status, "no version"


def _predict(tensor: Any) -> predict_pb2.PredictRequest:
    request = _specified(predict_pb2.PredictRequest())
    request.inputs[INPUT].CopyFrom(tensor)
    return request


def _specified(request: Any) -> Any:
    request.model_spec.name = MODEL
    request.model_spec.version.value = VERSION
    request.model_spec.signature_name = "serving_default"
    return request


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, message, says in requests():
        data = message.SerializeToString(deterministic=True)
        (folder / f"{name}.bin").write_bytes(data)
        rows.append(f"| `{name}.bin` | `{message.DESCRIPTOR.full_name}` | {says} |")
    text = README.format(
        python=platform.python_version(),
        versions=", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
        model=MODEL,
        version=VERSION,
        input=INPUT,
        shape=IMAGE.shape,
        last=IMAGE.size - 1,
        rows="\n".join(rows),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
