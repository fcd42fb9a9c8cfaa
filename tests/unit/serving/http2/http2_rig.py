"""A server with methods of every kind, and clients that write what they like."""

import socket
import threading
import time

import grpc
import h2.config
import h2.connection
import h2.events

from wattscan.serving.http2 import frames
from wattscan.serving.http2.connection import Connection
from wattscan.serving.http2.server import Bounds, Http2Server

HOST = "127.0.0.1"
LARGEST = 4_000_000
SECRET = "Jane Doe, 1970-01-01"
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "here"),
    (":path", "/t.S/Echo"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]


def soon(condition, seconds=3.0):
    """Whether it holds before so many seconds are over."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


class Methods:
    """What the server answers, and what its handlers have seen."""

    def __init__(self):
        self.entered, self.go_on = threading.Semaphore(0), threading.Event()
        self.left = threading.Semaphore(0)
        self.metadata, self.peers, self.remaining = [], [], []

    def handler(self):
        return grpc.method_handlers_generic_handler(
            "t.S",
            {
                "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
                "Count": grpc.unary_stream_rpc_method_handler(self.count),
                "Join": grpc.stream_unary_rpc_method_handler(self.join),
                "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
                "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
                "Hold": grpc.unary_unary_rpc_method_handler(self.hold),
                "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
                "Abort": grpc.unary_unary_rpc_method_handler(self.abort),
            },
        )

    def echo(self, data, context):
        self.metadata.append(context.invocation_metadata())
        self.peers.append(context.peer())
        self.remaining.append(context.time_remaining())
        return bytes(data)

    def count(self, data, context):
        for number in range(int(bytes(data))):
            yield b"%d" % number

    def join(self, messages, context):
        return b"".join(map(bytes, messages))

    def chat(self, messages, context):
        for message in messages:
            yield bytes(message)

    def wait(self, data, context):
        gone = threading.Event()
        context.add_callback(gone.set)
        self.entered.release()
        while not (gone.is_set() or self.go_on.is_set()):
            time.sleep(0.002)
        self.left.release()
        return b"waited"

    def hold(self, data, context):
        """Whoever has left."""
        self.entered.release()
        self.go_on.wait(10)
        return b"held"

    def fail(self, data, context):
        raise ValueError(SECRET)

    def abort(self, data, context):
        context.set_trailing_metadata((("why", "not"), ("raw-bin", b"\x00\xff")))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nö: 100 %\n")


class Rig:
    """A server on a port of its own."""

    def __init__(self, tls=None, interceptors=(), **bounds):
        self.methods = Methods()
        chosen = {"threads": 16, "largest": LARGEST, "most_streams": 8, "most_calls": 16}
        self.server = Http2Server(Bounds(**chosen | bounds), interceptors)
        self.server.add_generic_rpc_handlers((self.methods.handler(),))
        sock = socket.create_server((HOST, 0))
        self.port = sock.getsockname()[1]
        self.server.listen(sock, *((lambda: tls,) if tls is not None else ()))
        self.server.start()
        self.channels = []

    def channel(self, *options, compression=None):
        unlimited = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
        # Else channels share one connection.
        own = (("grpc.use_local_subchannel_pool", 1),)
        channel = grpc.insecure_channel(
            f"{HOST}:{self.port}", [*unlimited, *own, *options], compression=compression
        )
        self.channels.append(channel)
        return channel

    def connect(self):
        return socket.create_connection((HOST, self.port), timeout=10)

    def assert_well(self):
        """The next client is served, and nothing of the others is left."""
        with grpc.insecure_channel(
            f"{HOST}:{self.port}", (("grpc.use_local_subchannel_pool", 1),)
        ) as channel:
            assert channel.unary_unary("/t.S/Echo")(b"well", timeout=10) == b"well"
        assert soon(lambda: self.server.calls == 0), self.server.calls
        if not self.channels:
            assert soon(lambda: self.server.connections == 0), self.server.connections

    def close(self):
        self.methods.go_on.set()
        for channel in self.channels:
            channel.close()
        self.server.stop(0)


class Script:
    """A transport whose peer sends these chunks, then waits for its answers, then ends."""

    def __init__(self, chunks, until=lambda: True):
        self.chunks = [bytes(chunk) for chunk in chunks if chunk]
        self.until, self.written, self.closed = until, b"", False

    def read_into(self, view):
        if not self.chunks:
            assert soon(self.until)
            return 0
        chunk = self.chunks.pop(0)
        taken = chunk[: len(view)]
        view[: len(taken)] = taken
        if len(taken) < len(chunk):
            self.chunks.insert(0, chunk[len(taken) :])
        return len(taken)

    def fill(self, view):
        while view:
            count = self.read_into(view)
            if not count:
                raise EOFError
            view = view[count:]

    def read_parts(self, views):
        total = 0
        for view in views:
            if total and not self.chunks:
                break
            count = self.read_into(view)
            if view and not count:
                raise EOFError
            total += count
            if count < len(view):
                break
        return total

    def write(self, parts):
        self.written += b"".join(parts)

    def limit_reading(self, limited):
        pass

    def end(self):
        pass

    linger = shut = end

    def close(self):
        self.closed = True


def converse(server, chunks, until=lambda: True):
    """What a connection writes to a client that sends these bytes."""
    script = Script(chunks, until)
    Connection(script, "ipv4:127.0.0.1:1", server).run()
    assert script.closed
    return script.written


def client():
    """h2's view of the client's side: strict with what the server sends."""
    made = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
    )
    made.initiate_connection()
    return made


def message(data, packed=0):
    """As gRPC frames it."""
    return bytes((packed,)) + len(data).to_bytes(4, "big") + data


def data_frames(stream, data, ended):
    """Of 16 KiB each, and what is left."""
    begins = range(0, len(data), frames.DEFAULT_FRAME)
    return [
        frames.frame(
            frames.DATA,
            frames.END_STREAM if ended and begin == begins[-1] else 0,
            stream,
            data[begin : begin + frames.DEFAULT_FRAME],
        )
        for begin in begins
    ]


def read_until(sock, mark):
    """All that comes, up to that mark and what came with it."""
    sock.settimeout(10)
    data = b""
    while mark not in data:
        chunk = sock.recv(65536)
        assert chunk, "the server has ended the connection"
        data += chunk
    return data


class Answer:
    """What a stream was answered, as h2 read it."""

    def __init__(self, events, stream):
        mine = [event for event in events if getattr(event, "stream_id", None) == stream]
        self.data = b"".join(e.data for e in mine if isinstance(e, h2.events.DataReceived))
        self.headers = {}
        self.headers_raw = []
        for event in mine:
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                self.headers |= dict(event.headers)
                self.headers_raw += event.headers
        self.ended = any(isinstance(event, h2.events.StreamEnded) for event in mine)
        resets = [event for event in mine if isinstance(event, h2.events.StreamReset)]
        self.reset = resets[0].error_code if resets else None
        self.status = self.headers.get("grpc-status")
