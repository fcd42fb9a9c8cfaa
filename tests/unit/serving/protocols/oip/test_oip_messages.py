"""ModelInferRequest -> arrays -> ModelInferResponse."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oip_messages import OFF, ONES, answered, raw, read

from wattscan.contracts import EnergyShare
from wattscan.serving.errors import NotOffered, RequestRefused
from wattscan.serving.protocols.oip.datatypes import DTYPES, name_of
from wattscan.serving.protocols.oip.inputs import arrays_of, read_request
from wattscan.units import Joules
from wattscan.wire import open_inference_pb2 as pb

TYPED = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents",
    "INT32": "int_contents", "INT64": "int64_contents", "UINT8": "uint_contents",
    "UINT16": "uint_contents", "UINT32": "uint_contents", "UINT64": "uint64_contents",
    "FP32": "fp32_contents", "FP64": "fp64_contents",
}  # fmt: skip


def arrays(names):
    return st.sampled_from(sorted(names)).flatmap(
        lambda name: hnp.arrays(DTYPES[name], hnp.array_shapes(min_dims=0, max_side=4))
    )


@given(arrays(DTYPES))
def test_raw_tensors_come_out_as_they_went_in(array):
    (got,) = read(raw(a=array)).values()
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


@given(arrays(TYPED))
def test_typed_tensors_come_out_as_they_went_in(array):
    message = pb.ModelInferRequest(model_name="m")
    name = name_of(array.dtype)
    tensor = message.inputs.add(name="a", datatype=name, shape=array.shape)
    getattr(tensor.contents, TYPED[name]).extend(array.ravel().tolist())
    if array.size == 0:
        tensor.contents.SetInParent()
    (got,) = read(message).values()
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


def test_floats_that_are_not_packed_are_read_too():
    message = raw()
    message.inputs.add(name="a", datatype="FP32", shape=[2])
    contents = b"\x35\x00\x00\x80\x3f\x35\x00\x00\x00\x40"  # two 32-bit fields of number 6
    tensor = message.inputs[0].SerializeToString() + b"\x2a" + bytes([len(contents)]) + contents
    data = b"\x0a\x01m" + b"\x2a" + bytes([len(tensor)]) + tensor
    (got,) = arrays_of(read_request(data), OFF).values()
    np.testing.assert_array_equal(got, np.array([1, 2], np.float32))


def changed(**changes):
    message = raw(a=ONES)
    for name, value in changes.items():
        if name == "raw":
            del message.raw_input_contents[:]
            message.raw_input_contents.extend(value)
        elif name == "shape":
            del message.inputs[0].shape[:]
            message.inputs[0].shape.extend(value)
        else:
            setattr(message.inputs[0], name, value)
    return message


def with_typed_too():
    message = raw(a=ONES)
    message.inputs.add(name="b", datatype="FP32", shape=[1]).contents.fp32_contents.append(1)
    return message


def out_of_range():
    message = pb.ModelInferRequest()
    tensor = message.inputs.add(name="a", datatype="UINT8", shape=[1])
    tensor.contents.uint_contents.append(300)
    return message


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (changed(raw=[]), "has no contents"),
        (changed(raw=[b"x", b"y"]), "has 1 bytes; shape"),
        (changed(raw=[ONES.tobytes(), b""]), "more raw contents than inputs"),
        (changed(shape=[2, 5]), "has 32 bytes; shape [2, 5] of float32 has 40"),
        (changed(shape=[-2, -4]), "impossible shape"),
        (changed(shape=[2**62, 2**62, 0]), "impossible shape"),
        (changed(datatype="FLOAT"), "datatype is none of BOOL"),
        (changed(datatype="BYTES"), "datatype is none of BOOL"),
        (with_typed_too(), "raw and typed"),
        (out_of_range(), "no UINT8"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(message, text):
    with pytest.raises(RequestRefused) as caught:
        read(message)
    assert text in str(caught.value)


@given(st.binary(max_size=120))
def test_hostile_bytes_are_refused_or_read(data):
    with contextlib.suppress(RequestRefused, NotOffered):
        arrays_of(read_request(data), OFF)


def test_what_would_take_many_times_its_bytes_is_refused():
    with pytest.raises(RequestRefused, match="more than 20000 fields"):
        read_request(b"\x3a\x00" * 30_000)
    with pytest.raises(RequestRefused, match="beside its tensors"):
        read_request(changed(shape=[1] * 300_000).SerializeToString())
    message = pb.ModelInferRequest()
    tensor = message.inputs.add(name="a", datatype="INT8", shape=[5_000_000])
    tensor.contents.int_contents.extend([1] * 5_000_000)
    with pytest.raises(RequestRefused, match="typed contents: send it raw"):
        read(message)


@pytest.mark.parametrize("shape", [[0, 2**40, 2**40], [1] * 70 + [8]])
def test_a_shape_that_no_array_has_is_refused(shape):
    with pytest.raises(RequestRefused, match=r"shape|dimensions"):
        read(changed(shape=shape, raw=[b"" if 0 in shape else bytes(32)]))


def test_a_response_has_the_tensors_the_id_and_the_energy():
    message = pb.ModelInferRequest(id="42")
    energy = EnergyShare(Joules(0.25), "counter", "board")
    made = answered(message, {"sign": ONES[:, ::2]}, energy)
    assert (made.id, made.model_name, made.model_version) == ("42", "signs", "1")
    assert made.parameters["energy_joules"].double_param == 0.25
    assert made.parameters["energy_method"].string_param == "counter"
    assert made.parameters["energy_scope"].string_param == "board"
    assert list(made.outputs[0].shape) == [2, 2]
    assert made.raw_output_contents == [np.ones((2, 2), np.float32).tobytes()]


def test_an_output_that_is_not_there_and_classification_are_refused():
    message = pb.ModelInferRequest()
    message.outputs.add(name="SECRET")
    with pytest.raises(RequestRefused, match="none of signs's: sign") as caught:
        answered(message, {"sign": ONES})
    assert "SECRET" not in str(caught.value)
    message = pb.ModelInferRequest()
    message.outputs.add(name="sign").parameters["classification"].int64_param = 3
    with pytest.raises(RequestRefused, match="classification extension"):
        answered(message, {"sign": ONES})


def test_a_shape_of_very_many_dimensions_is_refused_at_once():
    with pytest.raises(RequestRefused, match="more than 32 dimensions"):
        read(changed(shape=[127] * 100_000))


def test_a_scalar_stays_one():
    (got,) = read(raw(a=np.array(3.0, np.float32))).values()
    assert got.shape == ()
    made = answered(pb.ModelInferRequest(), {"sign": np.array(3.0, np.float32)})
    assert list(made.outputs[0].shape) == []
