"""Small ONNX models with one property each, and their inputs."""

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as n

SIDE = 8
# The second input channel is a thousand times as large as the first.
SCALES = np.array([0.001, 1.0], np.float32).reshape(1, 2, 1, 1)


def write(path, nodes, weights, channels=(2, 1), opset=17, batch="N", more_opsets=()):
    """A model of convolutions that keep the size."""
    shapes = [(batch, count, SIDE, SIDE) for count in channels]
    ends = [h.make_tensor_value_info(*e) for e in zip("xy", (T.FLOAT,) * 2, shapes, strict=True)]
    tensors = [n.from_array(np.asarray(value, np.float32), key) for key, value in weights.items()]
    graph = h.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    opsets = [h.make_opsetid("", opset), *(h.make_opsetid(d, 1) for d in more_opsets)]
    onnx.save(h.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def conv(name, source, made, weights):
    return h.make_node("Conv", [source, weights], [made], name=name, kernel_shape=[1, 1])


def good(path, **settings):
    """Two convolutions that 8 bits do no harm."""
    random = np.random.default_rng(1)
    first, second = random.normal(size=(4, 2, 1, 1)), random.normal(size=(1, 4, 1, 1))
    nodes = [conv("first", "x", "a", "w1"), h.make_node("Relu", ["a"], ["b"], name="relu"),
             conv("second", "b", "y", "w2")]  # fmt: skip
    return write(path, nodes, {"w1": first, "w2": second}, **settings)


def spread(path):
    """The first layer's weights undo the inputs' scales: neither survives 8 bits. What it gives is
    of one size, so that the second layer does."""
    first = np.array([[1000.0, 1.0], [1000.0, -1.0]]).reshape(2, 2, 1, 1)
    second = np.array([[1.0, 0.5]]).reshape(1, 2, 1, 1)
    nodes = [conv("first", "x", "a", "w1"), conv("second", "a", "y", "w2")]
    return write(path, nodes, {"w1": first, "w2": second})


def hopeless(path):
    """Each of four layers takes values of two sizes and gives them on: one in float is too few."""
    nodes, weights, source = [], {}, "x"
    for number in range(4):
        made = "y" if number == 3 else f"a{number}"
        last = [[1000.0, 1.0]] if number == 3 else np.eye(2)
        weights[f"w{number}"] = np.array(last).reshape(-1, 2, 1, 1)
        nodes.append(conv(f"layer{number}", source, made, f"w{number}"))
        source = made
    return write(path, nodes, weights)


def samples(folder, count=12, scales=SCALES):
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(7)
    for number in range(count):
        image = random.random((1, 2, SIDE, SIDE), np.float32) * scales
        np.save(folder / f"{number:02}.npy", image.astype(np.float32))
    return folder
