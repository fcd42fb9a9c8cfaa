"""Every engine answers alike with the trained INT8 models: the regression test of OpenVINO's wrong
results after a concatenation of signed 8-bit tensors."""

from typing import Any

import numpy as np
import pytest

from shipped_models import CARDS, WEIGHED
from wattscan import artifacts, plugins
from wattscan.contracts import Engine, ModelCard, Tensor
from wattscan.training.agreement import compared

INT8 = [card for card in CARDS if card.precision == "int8"]
IMAGES = 4


def by_name(card: ModelCard) -> str:
    return card.name


def logits(card: ModelCard, backend: str, images: Tensor) -> Tensor:
    form = plugins.backend(backend).FORMAT
    path = artifacts.model_file(card, form).path
    engine: Engine = plugins.backend(backend).open_engine(path, {"threads": 1})
    return np.concatenate([engine.infer(image[np.newaxis]) for image in images])


def images_of(card: ModelCard) -> Tensor:
    task = plugins.task(card.task)
    frames = task.phantom(IMAGES, seed=31).images
    return np.stack([task.preprocess(frame, card.normalisation) for frame in frames])


@pytest.mark.parametrize("card", WEIGHED, ids=by_name)
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_an_engine_answers_as_litert_does(card: ModelCard, backend: str) -> None:
    images = images_of(card)
    one, other = logits(card, "litert", images), logits(card, backend, images)
    agree, note = compared(plugins.task(card.task), card.datatype, one, other)
    assert agree, note
    # The fault that this guards against left a correlation of 0.84 to 0.987.
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("card", INT8, ids=by_name)
def test_activations_are_unsigned_in_onnx(card: ModelCard) -> None:
    onnx = pytest.importorskip("onnx", reason="reading an ONNX graph needs the train extra")
    model: Any = onnx.load(artifacts.model_file(card, "onnx").path)
    constants = {one.name: one for one in model.graph.initializer}
    quantizers = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert quantizers
    for node in quantizers:
        zero = constants[node.input[2]]
        assert zero.data_type == onnx.TensorProto.UINT8, node.name
    weights = [
        constants[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    ]
    assert {one.data_type for one in weights} == {onnx.TensorProto.INT8, onnx.TensorProto.INT32}
