"""Tensors in memory that client and server share."""

import pytest
from oip_messages import OFF, ONES, answered, read

from wattscan.serving.errors import NotOffered, RequestRefused
from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.wire import open_inference_pb2 as pb


@pytest.fixture
def memory(tmp_path):
    (tmp_path / "key").write_bytes(bytes(range(64)))
    shared = SharedMemory(enabled=True, folder=tmp_path)
    yield shared
    shared.close()


def in_memory(byte_size=32, offset=0, region="r"):
    message = pb.ModelInferRequest()
    tensor = message.inputs.add(name="a", datatype="UINT8", shape=[byte_size])
    tensor.parameters["shared_memory_region"].string_param = region
    tensor.parameters["shared_memory_byte_size"].int64_param = byte_size
    if offset:
        tensor.parameters["shared_memory_offset"].int64_param = offset
    return message


def test_tensors_in_shared_memory_are_read_and_written(memory, tmp_path):
    memory.register("r", "/key", 8, 48)
    (got,) = read(in_memory(16, 4), memory).values()
    assert got.tolist() == list(range(12, 28))
    message = pb.ModelInferRequest()
    output = message.outputs.add(name="sign")
    output.parameters["shared_memory_region"].string_param = "r"
    output.parameters["shared_memory_byte_size"].int64_param = 40
    made = answered(message, {"sign": ONES}, memory=memory)
    assert made.raw_output_contents == [b""]
    assert made.outputs[0].parameters["shared_memory_byte_size"].int64_param == 32
    assert (tmp_path / "key").read_bytes()[8:40] == ONES.tobytes()


def test_regions_have_a_status_and_can_be_forgotten(memory):
    memory.register("r", "key", 0, 64)
    assert memory.status("")["r"].byte_size == 64
    with pytest.raises(RequestRefused, match="unregister it first"):
        memory.register("r", "key", 0, 64)
    memory.unregister("")
    memory.unregister("r")
    assert memory.status("") == {}
    with pytest.raises(RequestRefused, match="no region"):
        memory.status("r")
    with pytest.raises(RequestRefused, match="not registered"):
        read(in_memory(), memory)


@pytest.mark.parametrize(
    ("name", "key", "offset", "size", "text"),
    [
        ("", "key", 0, 64, "needs a name"),
        ("r", "../secret", 0, 64, "needs a name"),
        ("r", "a/b", 0, 64, "needs a name"),
        ("r", "..", 0, 64, "needs a name"),
        ("r", "none", 0, 64, "cannot be opened"),
        ("r", "key", 0, 65, "has 64 bytes"),
        ("r", "key", 60, 8, "has 64 bytes"),
        ("r", "key", 0, 0, "has 64 bytes"),
    ],
)
def test_a_region_that_cannot_be_is_refused(memory, name, key, offset, size, text):
    with pytest.raises(RequestRefused, match=text):
        memory.register(name, key, offset, size)


@pytest.mark.parametrize(("size", "offset"), [(65, 0), (32, 40), (32, -1)])
def test_a_tensor_stays_inside_its_region(memory, size, offset):
    memory.register("r", "key", 0, 64)
    with pytest.raises(RequestRefused, match="beyond its shared-memory region"):
        read(in_memory(size, offset), memory)


def test_memory_that_shrinks_meanwhile_ends_a_request_and_not_the_server(memory, tmp_path):
    memory.register("r", "key", 0, 64)
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(RequestRefused, match="has become smaller"):
        read(in_memory(), memory)


def test_a_link_is_not_followed(memory, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "key")
    with pytest.raises(RequestRefused, match="cannot be opened"):
        memory.register("r", "link", 0, 64)


def test_where_it_is_not_offered_it_is_told():
    with pytest.raises(NotOffered, match="--shared-memory"):
        read(in_memory())
    with pytest.raises(NotOffered):
        OFF.register("r", "key", 0, 1)


def test_an_output_larger_than_its_region_is_refused(memory):
    memory.register("r", "key", 0, 64)
    message = pb.ModelInferRequest()
    output = message.outputs.add(name="sign")
    output.parameters["shared_memory_region"].string_param = "r"
    output.parameters["shared_memory_byte_size"].int64_param = 16
    with pytest.raises(RequestRefused, match="an output has 32 bytes, and its region 16"):
        answered(message, {"sign": ONES}, memory=memory)


def test_a_region_over_the_limit_is_not_read(tmp_path):
    (tmp_path / "key").write_bytes(bytes(64))
    memory = SharedMemory(enabled=True, folder=tmp_path, max_bytes=16)
    memory.register("r", "key", 0, 64)
    with pytest.raises(RequestRefused, match="more than 16 bytes"):
        read(in_memory(32), memory)
    memory.close()
