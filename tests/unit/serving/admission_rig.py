"""A server of few threads whose method waits for the test."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from wattscan.serving.admission import Clients
from wattscan.serving.arrivals import Arrivals
from wattscan.serving.observations import Observations
from wattscan.serving.probes import FewReflections, Health
from wattscan.serving.rpc import Dispatcher, Method, Service
from wattscan.targets import load_target
from wattscan.units import Seconds

THREADS = 4
MESSAGE = 1 << 20
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


def endless():
    """A message that never comes."""
    threading.Event().wait()
    yield b""


class MemoryLeft:
    """As `Memory`, told what is left."""

    def __init__(self, left):
        self._left = left

    def left(self, needed):
        return self._left

    def release(self):
        pass


@contextmanager
def rigs():
    """Gives what makes a rig; all that were made are closed at the end."""
    with ExitStack() as stack:

        def make(**settings):
            rig = Rig(**settings)
            stack.callback(rig.close)
            return rig

        yield make
