"""TensorFlow's tensors: every type in both forms, the recorded requests, and hostile bytes."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wattscan.serving.errors import RequestRefused
from wattscan.serving.protocols.tfs.tensors import read_tensor, tensor_parts
from wattscan.wire import tensorflow_pb2 as tf

RECORDED = Path(__file__).parents[4] / "recorded" / "tensorflow_serving"
IMAGE = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
FIELDS = {
    "float32": (tf.DT_FLOAT, "float_val"),
    "float64": (tf.DT_DOUBLE, "double_val"),
    "float16": (tf.DT_HALF, "half_val"),
    "bfloat16": (tf.DT_BFLOAT16, "half_val"),
    "int8": (tf.DT_INT8, "int_val"),
    "int16": (tf.DT_INT16, "int_val"),
    "int32": (tf.DT_INT32, "int_val"),
    "int64": (tf.DT_INT64, "int64_val"),
    "uint8": (tf.DT_UINT8, "int_val"),
    "uint16": (tf.DT_UINT16, "int_val"),
    "uint32": (tf.DT_UINT32, "uint32_val"),
    "uint64": (tf.DT_UINT64, "uint64_val"),
    "bool": (tf.DT_BOOL, "bool_val"),
    "complex64": (tf.DT_COMPLEX64, "scomplex_val"),
    "complex128": (tf.DT_COMPLEX128, "dcomplex_val"),
}
# Of each type: there are fifteen.
A_FEW = settings(max_examples=25)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


def shape_of(sizes):
    return tf.TensorShapeProto(dim=[tf.TensorShapeProto.Dim(size=size) for size in sizes])


def tensor(number, shape, **elements):
    return tf.TensorProto(dtype=number, tensor_shape=shape_of(shape), **elements)


def read(message, limit=1 << 20):
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return read_tensor(memoryview(data), "image", limit)


def arrays(name):
    """Arrays of the type, and the bits of each element: TensorFlow's, not NumPy's, for bfloat16."""
    if name != "bfloat16":
        return hnp.arrays(np.dtype(name), SHAPES).map(lambda array: (array, array))
    bits = hnp.arrays(np.uint16, SHAPES)
    return bits.map(lambda b: ((b.astype(np.uint32) << 16).view(np.float32).reshape(b.shape), b))


def listed(name, bits):
    flat = bits.ravel()
    if name in ("float16", "bfloat16"):
        return flat.view(np.uint16).tolist()
    if name.startswith("complex"):
        return flat.view(np.float32 if name == "complex64" else np.float64).tolist()
    return flat.tolist()


def same(array, expected):
    assert array.dtype == expected.dtype
    assert array.shape == expected.shape
    # The bits: NaN equals nothing.
    assert array.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
@A_FEW
def test_every_type_is_read_from_its_content(name, data):
    array, bits = data.draw(arrays(name))
    same(read(tensor(FIELDS[name][0], array.shape, tensor_content=bits.tobytes())), array)


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
@A_FEW
def test_every_type_is_read_from_its_field(name, data):
    array, bits = data.draw(arrays(name))
    number, field = FIELDS[name]
    message = tensor(number, array.shape, **{field: listed(name, bits)})
    read_back = read(message)
    if name in ("float32", "complex64"):  # a float's way through Python quiets its NaNs
        np.testing.assert_array_equal(read_back, array)
    else:
        same(read_back, array)


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "bfloat16"])
@given(data=st.data())
@A_FEW
def test_what_is_written_is_read_the_same(name, data):
    array, _ = data.draw(arrays(name))
    written = b"".join(tensor_parts(array))
    assert tf.TensorProto.FromString(written).dtype == FIELDS[name][0]
    same(read(written), array)


def test_a_view_that_is_not_contiguous_is_written_in_its_own_order():
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    same(read(b"".join(tensor_parts(array))), np.ascontiguousarray(array))


@pytest.mark.parametrize("form", ["tensor_content", "float_val"])
def test_large_tensors_are_viewed_not_copied(form):
    elements = IMAGE.tobytes() if form == "tensor_content" else IMAGE.ravel().tolist()
    data = tensor(tf.DT_FLOAT, IMAGE.shape, **{form: elements}).SerializeToString()
    array = read(data)
    assert np.shares_memory(array, np.frombuffer(data, np.uint8))
    np.testing.assert_array_equal(array, IMAGE)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([7.0], [7, 7, 7, 7]), ([1.0, 2.0], [1, 2, 2, 2]), ([], [0, 0, 0, 0])],
)
def test_the_last_value_stands_for_those_that_are_missing(values, expected):
    array = read(tensor(tf.DT_FLOAT, (2, 2), float_val=values))
    assert array.tolist() == [expected[:2], expected[2:]]
    array = read(tensor(tf.DT_UINT8, (2, 2), int_val=[int(value) for value in values]))
    assert array.ravel().tolist() == expected


def test_a_complex_value_stands_for_those_that_are_missing_as_a_whole():
    assert read(tensor(tf.DT_COMPLEX64, (2,), scomplex_val=[1, 2])).tolist() == [1 + 2j, 1 + 2j]


def test_fields_that_are_not_packed_and_packed_ones_in_parts_are_read_too():
    head = tensor(tf.DT_FLOAT, (2,)).SerializeToString()
    one, two = (np.float32(value).tobytes() for value in (1, 2))
    assert read(head + b"\x2d" + one + b"\x2d" + two).tolist() == [1, 2]
    assert read(head + b"\x2a\x04" + one + b"\x2a\x04" + two).tolist() == [1, 2]
    with pytest.raises(RequestRefused, match="packed in part"):
        read(head + b"\x2d" + one + b"\x2a\x04" + two)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (tensor(tf.DT_FLOAT, (2,), tensor_content=b"1234567"), "has 7 bytes; shape"),
        (tensor(tf.DT_FLOAT, (1,), tensor_content=b"1234", float_val=[1]), "send one"),
        (tensor(tf.DT_FLOAT, (1,), int_val=[1]), "tensor_content or float_val"),
        (tensor(tf.DT_INT32, (1,), float_val=[1]), "tensor_content or int_val"),
        (tensor(tf.DT_FLOAT, (1,), float_val=[1, 2]), "lists 2 elements"),
        (tensor(tf.DT_COMPLEX64, (1,), scomplex_val=[1]), "ends within an element"),
        (tensor(tf.DT_UINT8, (1,), int_val=[256]), "DT_UINT8 cannot hold"),
        (tensor(tf.DT_INT8, (1,), int_val=[-129]), "DT_INT8 cannot hold"),
        (tensor(tf.DT_STRING, (1,), string_val=[b"secret"]), "is DT_STRING; served are"),
        (tensor(tf.DT_QINT8, (1,), tensor_content=b"1"), "is DT_QINT8; served are"),
        (tensor(tf.DT_INVALID, ()), "is DT_INVALID; served are"),
        (tensor(1234, ()), "is unknown; served are"),
        (tensor(tf.DT_FLOAT, (-1,), float_val=[1]), "impossible shape"),
        (tensor(tf.DT_FLOAT, (0, 1 << 40, 1 << 40)), "impossible shape"),
        (tensor(tf.DT_FLOAT, [1] * 70, float_val=[1]), "more than 32 dimensions"),
        (tensor(tf.DT_FLOAT, (1 << 30,), float_val=[1]), "may be filled up to 1048576 bytes"),
        (
            tf.TensorProto(dtype=tf.DT_FLOAT, tensor_shape=tf.TensorShapeProto(unknown_rank=True)),
            "rank",
        ),
        (
            tf.TensorProto(dtype=tf.DT_FLOAT).SerializeToString() + b"\x2a\x03abc",
            "ends within an element",
        ),
        (b"\x22\xff", "truncated or corrupt"),
    ],
)
def test_wrong_combinations_are_refused_with_the_reason(message, text):
    with pytest.raises(RequestRefused, match=text) as refused:
        read(message)
    assert "secret" not in str(refused.value)


@st.composite
def odd_messages(draw):
    """Messages that are well-formed and make little sense, some with a byte changed."""
    message = tensor(
        draw(st.integers(0, 40)),
        draw(st.lists(st.sampled_from([-1, 0, 1, 2, 3, 1 << 20, 1 << 62]), max_size=5)),
        tensor_content=draw(st.binary(max_size=24)),
        float_val=draw(st.lists(st.floats(width=32), max_size=3)),
        int_val=draw(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=3)),
        half_val=draw(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=2)),
        dcomplex_val=draw(st.lists(st.floats(), max_size=3)),
        uint64_val=draw(st.lists(st.integers(0, (1 << 64) - 1), max_size=2)),
    )
    for field in draw(st.sets(st.sampled_from([f.name for f, _ in message.ListFields()] or [""]))):
        if field:
            message.ClearField(field)
    data = bytearray(message.SerializeToString())
    if data and draw(st.booleans()):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@given(st.binary(max_size=64) | odd_messages())
def test_hostile_bytes_are_refused_and_nothing_else_is_raised(data):
    try:
        array = read(data, limit=1 << 16)
    except RequestRefused:
        return
    assert array.nbytes <= max(1 << 16, 2 * len(data) + 16)
    assert array.size == math.prod(array.shape)
