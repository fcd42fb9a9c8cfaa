"""gRPC's own client: every kind of call, what ends calls early, and what is large."""

import gzip
import random
import threading
import time

import grpc
import pytest
from http2_rig import HOST, LARGEST, SECRET, soon

from wattscan.serving.http2.stream import Stream

CODE = grpc.StatusCode


def test_every_kind_of_call(rig):
    channel = rig.channel()
    assert channel.unary_unary("/t.S/Echo")(b"x") == b"x"
    assert channel.unary_unary("/t.S/Echo")(b"") == b""
    assert list(channel.unary_stream("/t.S/Count")(b"3")) == [b"0", b"1", b"2"]
    assert list(channel.unary_stream("/t.S/Count")(b"0")) == []
    assert channel.stream_unary("/t.S/Join")(iter([b"a", b"", b"bc"])) == b"abc"
    assert channel.stream_unary("/t.S/Join")(iter([])) == b""
    many = [b"%d" % n for n in range(500)]
    assert list(channel.stream_stream("/t.S/Chat")(iter(many))) == many
    rig.assert_well()


@pytest.mark.parametrize("window", [64 * 1024, 8 * 1024 * 1024])
@pytest.mark.parametrize("size", [1, 65_535, 65_536, 1_100_000, LARGEST])
def test_large_messages_both_ways(rig, window, size):
    options = (("grpc.http2.lookahead_bytes", window), ("grpc.http2.bdp_probe", 0))
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    channel = rig.channel(*options)
    assert channel.unary_unary("/t.S/Echo")(data, timeout=30) == data
    stream = channel.stream_stream("/t.S/Chat")(iter([data, b"", data]), timeout=30)
    assert list(stream) == [data, b"", data]
    rig.assert_well()


def test_a_message_over_the_limit_is_refused_and_the_connection_stays(rig):
    call = rig.channel().unary_unary("/t.S/Echo")
    assert len(call(bytes(LARGEST))) == LARGEST
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as raised:
            call(bytes(LARGEST + 1), timeout=10)
        assert raised.value.code() is CODE.RESOURCE_EXHAUSTED
        assert str(LARGEST) in raised.value.details()
    assert call(b"x") == b"x"
    rig.assert_well()


def test_too_large_a_message_of_a_stream_whose_handler_is_at_work(rig):
    def asked():
        yield b"first"
        yield bytes(LARGEST + 1)
        yield b"never"

    stream = rig.channel().stream_stream("/t.S/Chat")(asked(), timeout=10)
    with pytest.raises(grpc.RpcError) as raised:
        list(stream)
    assert raised.value.code() is CODE.RESOURCE_EXHAUSTED
    rig.assert_well()


def test_many_calls_at_once_on_one_connection(rig):
    channel, wrong = rig.channel(), []

    def ask(number):
        call = channel.unary_unary("/t.S/Echo")
        for n in range(30):
            data = bytes((number, n)) * (1 + 3000 * (n % 5))
            if call(data, timeout=30) != data:
                wrong.append((number, n))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    rig.assert_well()


@pytest.mark.parametrize("kind", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_messages(rig, kind):
    channel = rig.channel(compression=kind)
    data = b"abc" * 100_000
    assert channel.unary_unary("/t.S/Echo")(data) == data
    assert channel.stream_unary("/t.S/Join")(iter([data, b"x", b""])) == data + b"x"


def test_metadata_both_ways(rig):
    sent = (("plain", "a, b"), ("raw-bin", b"\x00,\xff"), ("twice", "1"), ("twice", "2"))
    rig.channel().unary_unary("/t.S/Echo")(b"x", metadata=sent)
    got = rig.methods.metadata[0]
    assert [pair for pair in got if pair[0] in dict(sent)] == list(sent)
    assert rig.methods.peers[0].startswith(f"ipv4:{HOST}:")
    assert rig.methods.remaining[0] is None
    with pytest.raises(grpc.RpcError) as raised:
        rig.channel().unary_unary("/t.S/Abort")(b"x")
    assert raised.value.code() is CODE.FAILED_PRECONDITION
    assert raised.value.details() == "nö: 100 %\n"
    assert dict(raised.value.trailing_metadata()) == {"why": "not", "raw-bin": b"\x00\xff"}


@pytest.mark.parametrize("size", [10_000, 14_000])
def test_metadata_up_to_the_limit(rig, size):
    rig.channel().unary_unary("/t.S/Echo")(b"x", metadata=(("large", "x" * size),), timeout=10)
    assert ("large", "x" * size) in rig.methods.metadata[0]


def test_a_method_that_there_is_not(rig):
    for method in ("/t.S/None", "/none/Echo", "/t.S/Echo/more", "/"):
        with pytest.raises(grpc.RpcError) as raised:
            rig.channel().unary_unary(method)(bytes(300_000), timeout=10)
        assert raised.value.code() is CODE.UNIMPLEMENTED
    rig.assert_well()


def test_a_handler_that_fails_is_told_of_by_its_type_alone(rig, caplog):
    with pytest.raises(grpc.RpcError) as raised:
        rig.channel().unary_unary("/t.S/Fail")(b"x", timeout=10)
    assert raised.value.code() is CODE.UNKNOWN
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text + raised.value.details()
    rig.assert_well()


def test_a_deadline_ends_the_call_and_tells_the_handler(rig):
    with pytest.raises(grpc.RpcError) as raised:
        rig.channel().unary_unary("/t.S/Wait")(b"x", timeout=0.1)
    assert raised.value.code() is CODE.DEADLINE_EXCEEDED
    assert rig.methods.left.acquire(timeout=5)
    rig.assert_well()


def test_cancelled_calls_count_until_their_handlers_are_done(start):
    rig = start(most_streams=2)
    call = rig.channel().unary_unary("/t.S/Wait")
    for _ in range(10):
        future = call.future(b"x")
        assert rig.methods.entered.acquire(timeout=5)
        future.cancel()
        assert rig.methods.left.acquire(timeout=5)
    rig.assert_well()


def test_cancelled_streams(rig):
    chat = rig.channel().stream_stream("/t.S/Chat")
    for _ in range(10):
        more = threading.Event()

        def asked(more=more):
            yield b"x"
            more.wait(10)

        stream = chat(asked())
        assert next(stream) == b"x"
        stream.cancel()
        more.set()
    rig.assert_well()


def test_more_calls_than_there_is_room_for_are_refused(start):
    rig = start(threads=2, most_calls=2)
    waiting = [rig.channel().unary_unary("/t.S/Wait").future(b"x") for _ in range(2)]
    for _ in waiting:
        assert rig.methods.entered.acquire(timeout=5)
    with pytest.raises(grpc.RpcError) as raised:
        rig.channel().unary_unary("/t.S/Echo")(b"x", timeout=5)
    assert raised.value.code() is CODE.RESOURCE_EXHAUSTED
    rig.methods.go_on.set()
    assert [call.result(5) for call in waiting] == [b"waited"] * 2
    rig.assert_well()


def test_what_counts_ends_with_the_answer_and_not_with_its_thread(start, monkeypatch):
    done = Stream.done
    monkeypatch.setattr(Stream, "done", lambda self: (time.sleep(0.3), done(self)))
    call = start(most_streams=1, most_calls=1).channel().unary_unary("/t.S/Echo")
    assert [call(b"x", timeout=5) for _ in range(3)] == [b"x"] * 3


def test_one_connection_waits_for_its_own_streams(start):
    """gRPC's client keeps to the limit, and asks again when a stream has ended."""
    rig = start(most_streams=1)
    channel = rig.channel()
    first = channel.unary_unary("/t.S/Wait").future(b"x")
    assert rig.methods.entered.acquire(timeout=5)
    second = channel.unary_unary("/t.S/Echo").future(b"y")
    time.sleep(0.05)
    assert not second.done()
    rig.methods.go_on.set()
    assert (first.result(5), second.result(5)) == (b"waited", b"y")


def test_a_client_that_goes_is_told_of(rig):
    channel = rig.channel()
    waiting = channel.unary_unary("/t.S/Wait").future(b"x")
    assert rig.methods.entered.acquire(timeout=5)
    channel.close()
    assert waiting.code() is CODE.CANCELLED
    assert rig.methods.left.acquire(timeout=5)
    rig.assert_well()


def test_a_stop_lets_calls_end_and_refuses_new_ones(rig):
    channel = rig.channel()
    future = channel.unary_unary("/t.S/Wait").future(b"x")
    assert rig.methods.entered.acquire(timeout=5)
    stopping = threading.Thread(target=rig.server.stop, args=(10,))
    stopping.start()
    time.sleep(0.05)
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/t.S/Echo")(b"x", timeout=5)
    assert raised.value.code() is CODE.UNAVAILABLE
    rig.methods.go_on.set()
    assert future.result(5) == b"waited"
    stopping.join(5)
    assert not stopping.is_alive()
    assert rig.server.connections == 0


def test_a_stop_without_grace_ends_calls(rig):
    future = rig.channel().unary_unary("/t.S/Wait").future(b"x")
    assert rig.methods.entered.acquire(timeout=5)
    began = time.monotonic()
    rig.server.stop(0)
    assert time.monotonic() - began < 3
    with pytest.raises(grpc.RpcError) as raised:
        future.result(5)
    assert raised.value.code() in (CODE.UNAVAILABLE, CODE.CANCELLED)
    assert rig.methods.left.acquire(timeout=5)
    assert soon(lambda: rig.server.calls == 0)


def test_ready_made_bombs_are_refused(rig):
    """A client that has compressed its message itself."""
    bomb = gzip.compress(bytes(20 * LARGEST))
    channel = rig.channel(compression=grpc.Compression.Gzip)
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/t.S/Echo")(bytes(20 * LARGEST), timeout=20)
    assert raised.value.code() is CODE.RESOURCE_EXHAUSTED
    assert len(bomb) < LARGEST
    rig.assert_well()


def test_calls_that_end_in_every_way_at_any_moment(start):
    """Answers, refusals, deadlines, cancels and lost connections, all at once."""
    rig = start(most_streams=100, most_calls=16)
    chance, allowed = random.Random(11), set(CODE) - {CODE.INTERNAL, CODE.DATA_LOSS}
    for _ in range(4):
        channels = [rig.channel() for _ in range(3)]
        futures = []
        for _ in range(150):
            channel = chance.choice(channels)
            method = chance.choice(["Echo", "Echo", "Wait", "Fail", "Abort", "None"])
            body = bytes(chance.choice([0, 10, 70_000, 300_000]))
            timeout = chance.choice([0.0, 0.001, 0.01, 0.05])
            futures.append(channel.unary_unary(f"/t.S/{method}").future(body, timeout=timeout))
            if chance.random() < 0.3:
                chance.choice(futures).cancel()
        channels[0].close()
        assert {future.code() for future in futures} <= allowed
    rig.assert_well()
