"""Makes `graphs/*.onnx`, each of one thing that an engine may do otherwise than the file says.

Run once, with the extra `train` (onnx): the tests need none.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as n

FOLDER = Path(__file__).with_name("graphs")
IN, OUT = "pixel_values", "logits"


def save(name, nodes, kind=T.FLOAT, weights=(), more=(), out=("N", 4), made=None):
    """One input (and `more`) of shape (N, 4), one output."""
    inputs = [h.make_tensor_value_info(IN, kind, ("N", 4)), *more]
    outputs = [h.make_tensor_value_info(OUT, made or kind, out)]
    graph = h.make_graph(nodes, name, inputs, outputs, list(weights))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, FOLDER / f"{name}.onnx")


def chain(*steps):
    """Nodes one after the other; each step is (operator, attributes[, further inputs])."""
    nodes, value = [], IN
    for number, (kind, attributes, *further) in enumerate(steps):
        made = OUT if number == len(steps) - 1 else f"/{kind}_{number}"
        nodes.append(h.make_node(kind, [value, *further], [made], **attributes))
        value = made
    return nodes


def cast(to):
    return ("Cast", {"to": to})


def main():
    """Write all."""
    FOLDER.mkdir(exist_ok=True)
    sigmoid = ("Sigmoid", {})
    for name, alias in (("cast", cast(T.FLOAT)), ("identity", ("Identity", {}))):
        save(f"{name}_before", chain(alias, sigmoid))
        save(f"{name}_after", chain(sigmoid, alias))
    save("dropout_before", chain(("Dropout", {}), sigmoid))
    save(
        "int64_inside",
        chain(cast(T.INT64), ("Mul", {}, "k"), cast(T.FLOAT)),
        weights=[n.from_array(np.array([1 << 20], np.int64), "k")],
    )
    save("int64_of_reals", chain(cast(T.INT64), cast(T.FLOAT)))
    big = n.from_array(np.array([1e9]), "big")
    steps = (cast(T.DOUBLE), ("Add", {}, "big"), ("Sub", {}, "big"), cast(T.FLOAT))
    save("double_inside", chain(*steps), weights=[big])
    save("sum_of_bytes", chain(("Add", {}, IN)), kind=T.UINT8)
    save("sum_of_signed_bytes", chain(("Add", {}, IN)), kind=T.INT8)
    save("relu", chain(("Relu", {})))
    ends = [n.from_array(np.array(v, np.float32), k) for k, v in (("low", -1), ("high", 1))]
    save("clip", chain(("Clip", {}, "low", "high")), weights=ends)
    size = h.make_tensor_value_info("scale", T.FLOAT, ())
    save("scalar_in", chain(("Mul", {}, "scale")), more=[size])
    save("scalar_out", chain(("ReduceSum", {"keepdims": 0})), out=())
    shape = [
        h.make_node("Shape", [IN], ["shape"]),
        h.make_node("Mul", ["shape", "one"], ["same"]),
        h.make_node("Reshape", [IN, "same"], [OUT]),
    ]
    save("int64_of_shapes", shape, weights=[n.from_array(np.array([1], np.int64), "one")])


if __name__ == "__main__":
    main()
