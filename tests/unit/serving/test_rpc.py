"""A call through a real server, without a pipeline behind it."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from prometheus_client import CollectorRegistry

from waiting import wait_until
from wattscan.serving.admission import Clients
from wattscan.serving.arrivals import Arrivals
from wattscan.serving.observations import Observations
from wattscan.serving.rpc import Dispatcher, Method, Service
from wattscan.targets import load_target
from wattscan.units import Seconds

pytestmark = pytest.mark.concurrency


def dispatcher():
    observations = Observations(load_target("cpu"), CollectorRegistry())
    return Dispatcher(observations, Clients(8), Arrivals(Seconds(60), 1))


@pytest.fixture
def serve():
    servers = []

    def serve(answer):
        """A channel's method that `answer` answers."""
        server = grpc.server(ThreadPoolExecutor(8))
        service = Service("t.S", "oip", {"M": Method(answer, infers=True)})
        server.add_generic_rpc_handlers((dispatcher().handler(service),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        servers.extend((channel.close, lambda: server.stop(0)))
        return channel.unary_unary("/t.S/M", None, None)

    yield serve
    for stop in servers:
        stop()


@pytest.mark.parametrize("how", ["answered", "refused", "cancelled"])
def test_a_call_that_is_over_is_freed_at_once(serve, how):
    """Not at the next garbage collection: until then its stream would count as open."""
    calls, entered, go_on = [], threading.Event(), threading.Event()

    def answer(data, call):
        calls.append(weakref.ref(call))
        call.on_end(call.is_alive)
        entered.set()
        go_on.wait(5)
        if how == "refused":
            raise ValueError("no")
        return data

    send = serve(answer)
    gc.collect()
    gc.disable()
    try:
        future = send.future(b"x")
        assert entered.wait(5)
        if how == "cancelled":
            future.cancel()
        go_on.set()
        wait_until(future.done)
        wait_until(lambda: calls[0]() is None)
    finally:
        gc.enable()


def test_who_has_gone_is_told_from_who_waits(serve):
    told, seen, entered = threading.Event(), [], threading.Event()

    def answer(data, call):
        seen.append((call.is_alive(), call.on_end(told.set)))
        entered.set()
        told.wait(5)
        seen.append((call.is_alive(), call.on_end(lambda: None)))
        return data

    future = serve(answer).future(b"x")
    assert entered.wait(5)
    future.cancel()
    wait_until(lambda: len(seen) == 2)
    assert seen == [(True, True), (False, False)]


class Context:
    """Of a call whose deadline has passed before its method begins."""

    def add_callback(self, callback):
        return True

    def is_active(self):
        return True

    def invocation_metadata(self):
        return ()

    def time_remaining(self):
        return 0.0

    def peer(self):
        return "ipv4:127.0.0.1:1"

    def set_trailing_metadata(self, metadata):
        pass


def test_a_deadline_that_has_passed_is_not_taken_for_none():
    left = []

    def answer(_data, call):
        left.append(call.left())
        return b""

    methods = {"M": Method(answer)}
    handler = dispatcher().handler(Service("t.S", "oip", methods))
    details = type("Details", (), {"method": "/t.S/M", "invocation_metadata": ()})
    handler.service(details).stream_unary(iter([b""]), Context())
    assert left == [0.0]
