"""One client cannot hold what all need."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from waiting import wait_until
from wattscan.serving.admission import Clients
from wattscan.serving.arrivals import Arrivals
from wattscan.serving.errors import Unauthenticated
from wattscan.serving.observations import Observations
from wattscan.serving.probes import FewReflections, Health
from wattscan.serving.rpc import Dispatcher, Method, Service
from wattscan.serving.security.tokens import TokenOwner
from wattscan.targets import load_target
from wattscan.units import Seconds

THREADS = 4
MESSAGE = 1 << 20
REFLECTION = f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"
CODE = grpc.StatusCode


class Rig:
    """A server of four threads, whose method answers when the gate is open."""

    def __init__(self, most_calls=2, timeout=60.0, options=(), memory=None, tokens=None):
        self.gate = threading.Event()
        self.clients = Clients(most_calls, tokens=tokens)
        self.now = 0.0
        self.arrivals = Arrivals(Seconds(timeout), MESSAGE, memory, lambda: self.now)
        observations = Observations(load_target("cpu"), CollectorRegistry())
        dispatcher = Dispatcher(observations, self.clients, self.arrivals)
        reflections = FewReflections(self.clients)
        pool = ThreadPoolExecutor(THREADS)
        self.server = grpc.server(pool, interceptors=[reflections], options=options)
        methods = {"M": Method(self._answer), "S": Method(stream=self._stream)}
        self.server.add_generic_rpc_handlers((dispatcher.handler(Service("t.S", "oip", methods)),))
        self.health = Health()
        self.server.add_generic_rpc_handlers((self.health.handler(),))
        reflection.enable_server_reflection((reflection.SERVICE_NAME,), self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.channels = []

    def _answer(self, data, call):
        while not self.gate.wait(0.01):
            if not call.is_alive():
                break
        return data

    def _stream(self, messages, call):
        yield from messages

    def channel(self):
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channels.append(grpc.insecure_channel(f"127.0.0.1:{self.port}", options))
        return self.channels[-1]

    def close(self):
        self.gate.set()
        for channel in self.channels:
            channel.close()
        self.server.stop(0).wait()


@pytest.fixture
def rig():
    made = []

    def make(**settings):
        made.append(Rig(**settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def endless():
    """A message that never comes."""
    threading.Event().wait()
    yield b""


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
    hint = dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"]
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


class MemoryLeft:
    """As `Memory`, told what is left."""

    def __init__(self, left):
        self._left = left

    def left(self, needed):
        return self._left

    def release(self):
        pass


@pytest.mark.parametrize("method", ["unary_unary", "stream_stream"])
def test_a_message_that_memory_has_no_room_for_is_refused(rig, method):
    here = rig(memory=MemoryLeft(2 * MESSAGE - 1))
    call = getattr(here.channel(), method)("/t.S/M" if method == "unary_unary" else "/t.S/S")
    with pytest.raises(grpc.RpcError) as refused:
        list(call(iter([b"x"]), timeout=5)) if method == "stream_stream" else call(b"x", timeout=5)
    assert refused.value.code() is CODE.RESOURCE_EXHAUSTED
    assert "1 MiB of memory left, and this may take 2" in refused.value.details()
    assert dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"


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
