"""`label(path)`: what is true of each input, and the AUC-ROC that comes of it."""

import numpy as np
import onnx
import pytest
from graphs import SIDE
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as n

from wattscan.bench.own_names import named
from wattscan.bench.own_scores import evidence_of
from wattscan.contracts import WattscanError
from wattscan.training.own import data, engines
from wattscan.training.own.labels import auc_roc
from wattscan.training.ptq.quantize import QuantizeRequest, quantize

CODE = """
import numpy as np
def preprocess(path):
    return np.load(path)
def label(path):
    return {label}
"""


def classifier(path, sign=1.0):
    """Two findings: each is there where its channel's mean is above 0."""
    ends = [h.make_tensor_value_info("x", T.FLOAT, (1, 2, SIDE, SIDE)),
            h.make_tensor_value_info("y", T.FLOAT, (1, 2))]  # fmt: skip
    weights = n.from_array((sign * np.eye(2)).reshape(2, 2, 1, 1).astype(np.float32), "w")
    nodes = [
        h.make_node("Conv", ["x", "w"], ["a"], name="conv", kernel_shape=[1, 1]),
        h.make_node("GlobalAveragePool", ["a"], ["b"], name="pool"),
        h.make_node("Flatten", ["b"], ["y"], name="flat"),
    ]
    graph = h.make_graph(nodes, "g", ends[:1], ends[1:], [weights])
    opset = h.make_opsetid("", 17)
    onnx.save(h.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


@pytest.fixture
def given(tmp_path):
    """Inputs whose findings stand in their names, and the code that reads them there."""
    random = np.random.default_rng(4)
    folder = tmp_path / "inputs"
    folder.mkdir()
    for number in range(16):
        findings = [number % 2, number // 2 % 2]
        means = np.where(findings, 1.0, -1.0).reshape(2, 1, 1)
        name = f"{number:02}-{findings[0]}{findings[1]}.npy"
        np.save(folder / name, (means + random.normal(size=(2, SIDE, SIDE))).astype(np.float32))
    code = tmp_path / "steps.py"
    code.write_text(CODE.format(label="[int(digit) for digit in path.stem[3:]]"))
    return [folder, code]


def test_what_each_file_tells_of_the_findings(given, tmp_path):
    right, wrong = classifier(tmp_path / "a.onnx"), classifier(tmp_path / "b.onnx", sign=-1.0)
    cards = named([right, wrong])
    samples = data.read(given, "m", engines.inputs_of(cards[0]), seed=1)
    backends = {card.name: "onnxruntime" for card in cards}
    found = evidence_of(cards, samples, backends, {"threads": 1}, lambda _: None)
    scores = [found[card.name].quality for card in cards]
    assert [(q.metric, q.dataset, q.value) for (q,) in scores] == [
        ("auc_roc", "inputs", 1.0),
        ("auc_roc", "inputs", 0.0),
    ]


def test_a_quantized_file_is_held_to_what_it_loses(given, tmp_path):
    told = []
    quantize(QuantizeRequest(classifier(tmp_path / "a.onnx"), given, tmp_path / "out"), told.append)
    rows = [line for line in told if "AUC-ROC" in line]
    assert rows and all("AUC-ROC 1.0000 (float 1.0000)" in row for row in rows), told


def test_labels_that_do_not_fit_the_file_are_told_before_a_build(given, tmp_path):
    given[1].write_text(CODE.format(label="1"))
    told = []
    with pytest.raises(WattscanError, match="gives every input the same label"):
        quantize(
            QuantizeRequest(classifier(tmp_path / "a.onnx"), given, tmp_path / "out"), told.append
        )
    assert not any(line.startswith("Building") for line in told)


@pytest.mark.parametrize(("labels", "rows", "area"), [
    ([0, 1, 2], np.eye(3), 1.0),  # classes
    ([(1, 0), (0, 1)], [[2.0, -1.0], [1.0, 3.0]], 1.0),
    ([1, 0, 1], [[0.9], [0.4], [0.1]], 0.5),  # one finding
    ([0, 1], [[np.nan, 1.0], [0.0, 1.0]], 0.0),
])  # fmt: skip
def test_the_area_by_kind_of_label(labels, rows, area):
    answers = [[np.ones((1, 2, 3, 3)), np.array([row])] for row in rows]
    assert auc_roc(labels, answers) == pytest.approx(area)


@pytest.mark.parametrize(("labels", "shape", "told"), [
    ([(1, 0, 0), (0, 1, 0)], (1, 2), "gives 3 findings, and the file answers with 2"),
    ([2, 0], (1, 2), "gives class 2, and the file tells 2 classes from 0 on"),
    ([1, 1], (1, 2), "the same label"),
    ([0, 1], (1, 1, 8, 8), r"the file gives \[1, 1, 8, 8\]: leave out label"),
])  # fmt: skip
def test_what_does_not_fit_is_told(labels, shape, told):
    with pytest.raises(WattscanError, match=told):
        auc_roc(labels, [[np.zeros(shape)] for _ in labels])


@pytest.mark.parametrize(("label", "told"), [
    ("{}[path]", r"label\(.*\) of --data fails: KeyError"),
    ("'pneumonia'", "return the number of a class"),
    ("-1", "return the number of a class"),
    ("0.5", "return the number of a class"),
    ("[]", "return the number of a class"),
    ("[[0, 1]]", "return the number of a class"),
    ("[0, 2]", "a finding is 0 or 1"),
])  # fmt: skip
def test_what_is_no_label_is_told(given, tmp_path, label, told):
    given[1].write_text(CODE.format(label=label))
    card = named([classifier(tmp_path / "a.onnx")])[0]
    with pytest.raises(WattscanError, match=told):
        data.read(given, "m", engines.inputs_of(card), seed=1)
