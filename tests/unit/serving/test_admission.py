"""One client cannot hold what all need: calls and messages."""

import grpc
import pytest
from admission_rig import CODE, MESSAGE, MemoryLeft, endless, rigs

from waiting import wait_until


def pushback_ms(refused):
    """When the client is told to try again."""
    metadata = {entry.key: entry.value for entry in refused.trailing_metadata()}
    return metadata["grpc-retry-pushback-ms"]


@pytest.fixture
def rig():
    with rigs() as make:
        yield make


def test_a_client_has_so_many_calls_open_and_another_is_served(rig):
    here = rig()
    send = here.channel().unary_unary("/t.S/M")
    open_ = [send.future(b"x") for _ in range(2)]
    wait_until(lambda: here.clients.calls == 2)
    with pytest.raises(grpc.RpcError) as refused:
        send(b"x", timeout=5)
    assert refused.value.code() is CODE.RESOURCE_EXHAUSTED
    assert refused.value.details() == (
        "2 of this client's calls are open already, and that is the limit: try again in 0.1 s"
    )
    hint = pushback_ms(refused.value)
    assert int(hint) > 0
    here.gate.set()
    assert [each.result(5) for each in open_] == [b"x", b"x"]
    assert send(b"y", timeout=5) == b"y"
    wait_until(lambda: here.clients.calls == 0)


def test_cancelled_and_expired_calls_make_room(rig):
    here = rig()
    send = here.channel().unary_unary("/t.S/M")
    first = send.future(b"x")
    second = send.future(b"x", timeout=0.5)
    wait_until(lambda: here.clients.calls == 2)
    first.cancel()
    wait_until(lambda: here.clients.calls == 0)
    assert second.exception(5).code() is CODE.DEADLINE_EXCEEDED
    here.gate.set()
    assert send(b"y", timeout=5) == b"y"


def test_calls_without_a_message_count_and_are_given_up(rig):
    here = rig(timeout=30.0)
    slow = here.channel().stream_unary("/t.S/M")
    calls = [slow.future(endless()) for _ in range(2)]
    wait_until(lambda: len(here.arrivals) == 2)
    send = here.channel().unary_unary("/t.S/M")
    with pytest.raises(grpc.RpcError) as refused:
        send(b"x", timeout=5)
    assert refused.value.code() is CODE.RESOURCE_EXHAUSTED
    here.now = 29.9
    here.arrivals.look()
    assert len(here.arrivals) == 2
    here.now = 30.0
    here.arrivals.look()
    assert {call.exception(5).code() for call in calls} == {CODE.CANCELLED}
    wait_until(lambda: len(here.arrivals) == here.clients.calls == 0)
    here.gate.set()
    assert send(b"x", timeout=5) == b"x"


@pytest.mark.parametrize("method", ["unary_unary", "stream_stream"])
def test_a_message_that_memory_has_no_room_for_is_refused(rig, method):
    here = rig(memory=MemoryLeft(2 * MESSAGE - 1))
    call = getattr(here.channel(), method)("/t.S/M" if method == "unary_unary" else "/t.S/S")
    with pytest.raises(grpc.RpcError) as refused:
        list(call(iter([b"x"]), timeout=5)) if method == "stream_stream" else call(b"x", timeout=5)
    assert refused.value.code() is CODE.RESOURCE_EXHAUSTED
    assert "1 MiB of memory left, and this may take 2" in refused.value.details()
    assert pushback_ms(refused.value) == "1000"


def test_messages_on_their_way_need_room_each(rig):
    """Of two copies each; of one client, half of what is left."""
    here = rig(most_calls=8, memory=MemoryLeft(2 * 3 * MESSAGE))
    here.gate.set()
    channel = here.channel()
    calls = [channel.stream_unary("/t.S/M").future(endless()) for _ in range(2)]
    wait_until(lambda: len(here.arrivals) == 2)
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/t.S/M")(b"x", timeout=5)
    assert refused.value.code() is CODE.RESOURCE_EXHAUSTED
    for call in calls:
        call.cancel()
    wait_until(lambda: not len(here.arrivals))
    assert channel.unary_unary("/t.S/M")(b"x", timeout=5) == b"x"


@pytest.mark.parametrize("left", [None, 2 * MESSAGE])
def test_enough_memory_or_no_knowledge_of_it_refuses_nobody(rig, left):
    here = rig(memory=MemoryLeft(left))
    here.gate.set()
    assert here.channel().unary_unary("/t.S/M")(b"x", timeout=5) == b"x"


def test_a_call_that_ends_without_a_message_is_told(rig):
    call = rig().channel().stream_unary("/t.S/M")
    with pytest.raises(grpc.RpcError) as refused:
        call(iter(()), timeout=5)
    assert refused.value.code() is CODE.INVALID_ARGUMENT
    assert refused.value.details() == "the call has no message"
