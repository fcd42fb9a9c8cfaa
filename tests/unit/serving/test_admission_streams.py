"""One client cannot hold what all need: streams and probes."""

import gc
import time

import grpc
import pytest
from admission_rig import CODE, MESSAGE, THREADS, MemoryLeft, endless, rigs
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from waiting import wait_until
from wattscan.serving.errors import Unauthenticated
from wattscan.serving.security.tokens import TokenOwner
from wattscan.units import Seconds

REFLECTION = f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"


@pytest.fixture
def rig():
    with rigs() as make:
        yield make


def test_a_stream_that_is_cut_short_frees_its_place(rig):
    here = rig()
    call = here.channel().stream_stream("/t.S/S")(endless())
    wait_until(lambda: here.clients.calls == 1)
    call.cancel()
    wait_until(lambda: here.clients.calls == 0)


@pytest.mark.parametrize("method", ["/t.S/M", "/t.S/S", REFLECTION])
def test_calls_that_were_given_up_take_no_place_of_their_connection(rig, method):
    """Not until the next garbage collection either: gRPC refuses calls beyond the limit."""
    here = rig(options=[("grpc.max_concurrent_streams", THREADS)])
    channel = here.channel()
    here.gate.set()
    begin = channel.stream_stream(method)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10 * THREADS):
            call = begin(endless())
            time.sleep(0.01)  # until it has most likely begun
            call.cancel()
        assert channel.unary_unary("/t.S/M")(b"x", timeout=5) == b"x"
    finally:
        gc.enable()


def test_health_answers_where_all_threads_are_held(rig):
    here = rig(most_calls=3 * THREADS)
    send = here.channel().unary_unary("/t.S/M")
    calls = [send.future(b"x") for _ in range(3 * THREADS)]
    wait_until(lambda: here.clients.calls == THREADS)
    stub = health_pb2_grpc.HealthStub(here.channel())
    watchers = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(20)]
    assert [next(each).status for each in watchers] == [1] * 20
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status == 1
    here.gate.set()
    assert all(call.result(5) == b"x" for call in calls)


def test_streams_that_are_over_reserve_nothing(rig):
    """At once, and not at the next garbage collection: else memory would seem to end."""
    here = rig()
    begin = here.channel().stream_stream("/t.S/S")
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            call = begin(endless())
            wait_until(lambda: len(here.arrivals) == 1)
            call.cancel()
            wait_until(lambda: len(here.arrivals) == 0)
    finally:
        gc.enable()


def test_held_answers_go_when_they_are_released(rig):
    here = rig(most_calls=4)
    here.gate.set()
    channel = here.channel()
    first = channel.unary_unary("/t.S/M").future(b"x")
    assert first.result(5) == b"x"
    here.clients.hold(Seconds(0.05), Seconds(5.0))
    calls = [channel.unary_unary("/t.S/M").future(bytes([n])) for n in range(3)]
    assert list(channel.stream_stream("/t.S/S")(iter([b"y"]), timeout=5)) == [b"y"]  # not held
    wait_until(lambda: here.clients.short_calls == 3)
    assert not any(call.done() for call in calls)
    here.clients.release()
    assert [call.result(5) for call in calls] == [b"\0", b"\1", b"\2"]


def test_a_probe_that_is_no_message_is_refused_and_not_logged(rig, caplog):
    check = rig().channel().unary_unary("/grpc.health.v1.Health/Check")
    with pytest.raises(grpc.RpcError) as refused:
        check(b"\xff\xff", timeout=5)
    assert refused.value.code() is CODE.INVALID_ARGUMENT
    assert caplog.text == ""


class Names:
    """As `Tokens`: each is its client's name, and valid until it is revoked."""

    revoked = False

    def check(self, authorization, role):
        if self.revoked:
            raise Unauthenticated("the token is not known here")
        return TokenOwner(authorization, "infer")


def called(name):
    return [("authorization", name)]


@pytest.mark.parametrize("method", ["/t.S/S", REFLECTION])
def test_one_client_cannot_take_all_streams(rig, method):
    here = rig(most_calls=4, tokens=Names())
    begin = here.channel().stream_stream(method)
    first = begin(endless(), metadata=called("one"))
    wait_until(lambda: here.clients.calls == 1)
    second = begin(endless(), metadata=called("one"))
    assert second.code() is CODE.RESOURCE_EXHAUSTED
    assert second.details() == (
        "1 of this client's streams are open already, and that is the limit: try again in 0.1 s"
    )
    other = here.channel().stream_stream("/t.S/S")
    assert list(other(iter([b"x"]), timeout=5, metadata=called("two"))) == [b"x"]
    first.cancel()
    wait_until(lambda: here.clients.calls == 0)


@pytest.mark.parametrize("method", ["/t.S/S", REFLECTION])
def test_a_revoked_token_ends_streams_that_say_nothing(rig, method):
    tokens = Names()
    here = rig(most_calls=8, tokens=tokens)
    call = here.channel().stream_stream(method)(endless(), metadata=called("one"))
    wait_until(lambda: here.clients.calls == 1)
    here.clients.end_revoked()
    assert here.clients.calls == 1
    tokens.revoked = True
    here.clients.end_revoked()
    wait_until(lambda: here.clients.calls == 0)
    assert call.code() is CODE.CANCELLED


def test_one_client_cannot_keep_all_memory_for_itself(rig):
    """It may have half of what is left; each message takes twice its size."""
    here = rig(most_calls=8, memory=MemoryLeft(8 * MESSAGE), tokens=Names())
    here.gate.set()
    channel = here.channel()
    begin = channel.stream_unary("/t.S/M")
    held = [begin.future(endless(), metadata=called("one")) for _ in range(3)]
    wait_until(lambda: sum(call.done() for call in held) == 1)  # refused, after a second
    send = channel.unary_unary("/t.S/M")
    assert send(b"x", timeout=5, metadata=called("two")) == b"x"
    for call in held:
        call.cancel()
