"""INT8 of an ONNX file: kept, refused, rescued, and what stands in the way."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from graphs import SIDE, conv, good, hopeless, samples, spread, write
from onnx import TensorProto as T
from onnx import helper as h

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.training.own.form import datatype_in
from wattscan.training.own.outputs import Compared
from wattscan.training.ptq import onnx_repair
from wattscan.training.ptq.plan import ALL, HEAVY, Build, InFloat, Outcome, Tried
from wattscan.training.ptq.quantize import QuantizeRequest, quantize, report


def quantized(tmp_path, path, told=None, **settings):
    data = tmp_path / "data"
    if not data.exists():
        samples(data)
    wanted = QuantizeRequest(path, [data], tmp_path / "out", **settings)
    return quantize(wanted, (told if told is not None else []).append)


def test_a_file_that_8_bits_do_no_harm(tmp_path):
    told = []
    samples(tmp_path / "data", scales=1.0)
    path = quantized(tmp_path, good(tmp_path / "good.onnx"), told)[0]
    assert path.name == "good-int8.onnx" and datatype_in(path) == "int8"
    assert any("kept" in line for line in told)
    assert "Repaired: Open sizes are fixed to those of the data: x [1, 2, 8, 8]." in told
    engine = plugins.backend("onnxruntime").open_engine(path, {"threads": 1})
    (answer,) = engine.run([np.load(tmp_path / "data" / "00.npy")])
    assert answer.shape == (1, 1, SIDE, SIDE)


def test_a_file_that_8_bits_ruin_is_refused_and_it_says_what_to_try(tmp_path):
    told = []
    with pytest.raises(WattscanError, match=r"in INT8 is refused: off by .* --tolerance allows"):
        quantized(tmp_path, hopeless(tmp_path / "bad.onnx"), told)
    assert any("too far off" in line for line in told)
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_one_layer_in_float_rescues_it(tmp_path):
    path, told = spread(tmp_path / "spread.onnx"), []
    with pytest.raises(WattscanError, match=r"Try --keep-float 'first'"):
        quantized(tmp_path, path)
    (made, *_) = quantized(tmp_path, path, told, keep=("first",))
    assert datatype_in(made) == "int8"
    assert any("1 Conv (asked for with --keep-float)" in line for line in told), told


def test_a_layer_that_is_none_is_told_with_those_that_are(tmp_path):
    path = good(tmp_path / "good.onnx")
    with pytest.raises(WattscanError, match=r"no layer 'third' .* the layers are: first, second"):
        quantized(tmp_path, path, keep=("third",))


def test_nothing_is_left_in_the_work_folder(tmp_path, monkeypatch):
    """Whatever the step that gives up writes there."""
    from onnxruntime.quantization import shape_inference

    tried = []

    def gives_up(source, made, skip_symbolic_shape):
        tried.append(skip_symbolic_shape)
        if not skip_symbolic_shape:
            Path("sym_shape_infer_temp.onnx").write_bytes(b"weights")
            raise ValueError("unknown operator")
        Path(made).write_bytes(Path(source).read_bytes())

    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(shape_inference, "quant_pre_process", gives_up)
    sample = {"x": np.zeros((1, 2, SIDE, SIDE), np.float32)}
    onnx_repair.repaired(good(tmp_path / "good.onnx"), sample, tmp_path / "made.onnx")
    assert tried == [False, True]
    assert list(work.iterdir()) == []


def test_an_old_opset_is_converted(tmp_path):
    told = []
    samples(tmp_path / "data", scales=1.0)
    (path, *_) = quantized(tmp_path, good(tmp_path / "old.onnx", opset=11), told)
    assert any(line.startswith("Repaired: Converted from opset 11 to 17") for line in told)
    assert onnx.load(path).opset_import[0].version >= 13


def test_a_file_in_int8_is_refused(tmp_path):
    samples(tmp_path / "data", scales=1.0)
    (path, *_) = quantized(tmp_path, good(tmp_path / "good.onnx"))
    with pytest.raises(WattscanError, match="is in INT8 already"):
        quantized(tmp_path, path)


def branching(path):
    then = h.make_graph([h.make_node("Identity", ["x"], ["t"])], "then", [],
                        [h.make_tensor_value_info("t", T.FLOAT, None)])  # fmt: skip
    other = h.make_graph([h.make_node("Neg", ["x"], ["e"])], "else", [],
                         [h.make_tensor_value_info("e", T.FLOAT, None)])  # fmt: skip
    nodes = [
        h.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        h.make_node("Cast", ["m"], ["c"], to=T.BOOL),
        h.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    return write(path, nodes, {}, channels=(2, 2), batch=1)


def test_control_flow_is_refused_by_name(tmp_path):
    with pytest.raises(WattscanError, match="has If, whose bodies the quantizer leaves out"):
        quantized(tmp_path, branching(tmp_path / "if.onnx"))


def test_too_few_inputs_and_none(tmp_path):
    path = good(tmp_path / "good.onnx")
    samples(tmp_path / "data", count=3)
    with pytest.raises(WattscanError, match="has 3 inputs, and 4 are the least"):
        quantized(tmp_path, path)
    with pytest.raises(WattscanError, match="--data is missing: INT8 needs real inputs"):
        quantize(QuantizeRequest(path, [], tmp_path), print)


def test_nodes_without_names_get_some(tmp_path):
    weights = {"w": np.ones((1, 2, 1, 1))}
    samples(tmp_path / "data", scales=1.0)
    path = write(tmp_path / "m.onnx", [conv("", "x", "y", "w")], weights)
    with pytest.raises(WattscanError, match="the layers are: Conv_0"):
        quantized(tmp_path, path, keep=("x",))


def outcome(seconds, error=0.0):
    compared = (Compared(0, "relative_error", error),)
    tried = [
        Tried(Build(name), "openvino", compared, seconds * factor)
        for name, factor in ((ALL, 1.0), (HEAVY, 2.0))
    ]
    left = {ALL: [InFloat("Softmax", 2, "it has no form")], HEAVY: []}
    return Outcome(tried, {"openvino": tried[0]}, {"openvino": 0.010}, left)


def test_right_but_slower_is_said():
    lines = list(report(outcome(seconds=0.020), tolerance=0.05))
    (row,) = (line for line in lines if line.startswith("openvino") and " all " in line)
    assert row.endswith("kept, slower than float")
    assert not any("slower" in line for line in report(outcome(seconds=0.002), tolerance=0.05))
    assert any("2 Softmax (it has no form)" in line for line in lines)


def test_far_off_is_said():
    lines = list(report(outcome(seconds=0.001, error=0.5), tolerance=0.05))
    assert all(line.endswith("too far off") for line in lines if line.startswith("openvino"))
    assert outcome(0.001).best(0.05).build.name == ALL
