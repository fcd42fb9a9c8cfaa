"""What is found in a message's bytes is what protobuf reads there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.serving.errors import RequestRefused
from wattscan.serving.protocols.fields import large_field, lifted, split
from wattscan.wire import open_inference_pb2 as pb
from wattscan.wire import wattscan_v1_pb2 as typed

inputs = st.builds(
    lambda name, shape: pb.ModelInferRequest.InferInputTensor(
        name=name, datatype="FP32", shape=shape
    ),
    st.text(max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
)
messages = st.builds(
    lambda name, request_id, tensors, raw: pb.ModelInferRequest(
        model_name=name, id=request_id, inputs=tensors, raw_input_contents=raw
    ),
    st.text(max_size=20),
    st.text(max_size=20),
    st.lists(inputs, max_size=3),
    st.lists(st.binary(max_size=300), max_size=3),
)


@given(messages)
def test_what_is_taken_out_and_what_is_left_are_the_message(message):
    small, large = split(memoryview(message.SerializeToString()), {5, 7})
    assert [bytes(part) for number, part in large if number == 7] == list(
        message.raw_input_contents
    )
    assert [
        pb.ModelInferRequest.InferInputTensor.FromString(bytes(part))
        for number, part in large
        if number == 5
    ] == list(message.inputs)
    head = pb.ModelInferRequest.FromString(small)
    assert (head.model_name, head.id, len(head.inputs)) == (message.model_name, message.id, 0)


@given(messages)
def test_a_large_field_can_be_put_before_or_behind(message):
    made = pb.ModelInferRequest(model_name=message.model_name, id=message.id).SerializeToString()
    for part in message.raw_input_contents:
        made += large_field(7, len(part)) + part
    assert list(pb.ModelInferRequest.FromString(made).raw_input_contents) == list(
        message.raw_input_contents
    )


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused_or_read_and_nothing_else(data):
    try:
        small, large = split(memoryview(data), {5, 7})
    except RequestRefused:
        return
    # Nothing is lost: keys and lengths of what was taken aside.
    assert len(small) + sum(len(part) for _, part in large) <= len(data)


@given(messages, st.data())
def test_a_truncated_message_is_refused_or_shorter(message, data):
    whole = message.SerializeToString()
    cut = data.draw(st.integers(0, len(whole)))
    try:
        split(memoryview(whole[:cut]), {5, 7})
    except RequestRefused as error:
        assert "truncated or corrupt" in str(error)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01",  # field number 0
        b"\x0b",  # a group
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a length beyond everything
        b"\x80" * 11,  # a varint that does not end
        b"\x0d\x00",  # four bytes, of which one is there
    ],
)
def test_broken_encodings(data):
    with pytest.raises(RequestRefused):
        split(memoryview(data), {5, 7})


raws = st.builds(
    lambda kind, shape, data: typed.Image(
        raw=typed.RawTensor(data_type=kind, shape=shape, data=data)
    ),
    st.integers(0, 4),
    st.lists(st.integers(0, 300), max_size=3),
    st.binary(max_size=300),
)
images = raws | st.builds(
    lambda data, frame: typed.Image(encoded=data, frame=frame), st.binary(), st.integers(0, 3)
)
requests = st.builds(
    lambda task, precision: typed.SegmentRequest(task=task, precision=precision),
    st.text(max_size=5),
    st.integers(0, 2),
) | st.builds(lambda image: typed.SegmentRequest(image=image), images)
PATH = ((3,), (2, 1), (3,))


def piece(number, content):
    return large_field(number, len(content)) + content


def put_back(data, found):
    """What protobuf reads of the message's two parts."""
    rest, value = found
    message = typed.SegmentRequest.FromString(rest)
    assert message.image.raw.data == b""
    message.image.raw.data = bytes(value)
    assert message == typed.SegmentRequest.FromString(data)


@given(st.lists(requests, max_size=4))
def test_a_field_taken_out_and_put_back_is_the_message(pieces):
    # Messages behind one another are one, of which the later fields count.
    data = b"".join(each.SerializeToString() for each in pieces)
    found = lifted(memoryview(data), PATH)
    if found is not None:
        put_back(data, found)


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (piece(2, piece(3, b"pixels")), b"pixels"),
        (b"\x18\x05" + piece(2, b"\x08\x01" + piece(3, b"pixels") + b"\x10\x07"), b"pixels"),
        (piece(2, b"\x08\x01"), None),
        # Two of something: protobuf knows which counts.
        (piece(2, piece(3, b"a") + piece(3, b"b")), None),
        (piece(2, piece(3, b"a")) + piece(2, b"\x08\x01"), None),
        (piece(2, piece(3, b"a")) + piece(1, b"file"), None),
        (piece(1, b"file") + piece(2, piece(3, b"a")), None),
        # A group, which protobuf skips; a field that is cut off; and more steps than it is worth.
        (piece(2, piece(3, b"a")) + b"\x7b\x7c", None),
        (piece(2, piece(3, b"a")) + b"\x2a\x09", None),
        (piece(2, b"\x10\x07" * 100 + piece(3, b"a")), None),
    ],
)
def test_only_what_is_there_once_is_taken_out(image, value):
    data = b"\x0a\x03abc" + piece(3, image)
    found = lifted(memoryview(data), PATH)
    if value is None:
        assert found is None
    else:
        assert bytes(found[1]) == value
        put_back(data, found)
