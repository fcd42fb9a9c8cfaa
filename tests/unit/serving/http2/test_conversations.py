"""Clients that write every byte themselves, by the rules: h2 reads what they are answered."""

import socket
import time

import hpack
import pytest
from h2.events import ConnectionTerminated, PingAckReceived
from http2_rig import HEADERS, LARGEST, Answer, client, converse, message, soon
from hypothesis import given, settings
from hypothesis import strategies as st

from wattscan.serving.http2 import frames, streams


def headers(path, *more):
    return [(name, path if name == ":path" else value) for name, value in HEADERS] + list(more)


class Peer:
    """A client on a socket."""

    def __init__(self, rig, windows=None):
        self.sock, self.h2, self.events = rig.connect(), client(), []
        if windows is not None:
            self.h2.update_settings({frames.INITIAL_WINDOW_SIZE: windows})
        self.flush()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def ask(self, stream, path, *bodies, end=True, more=()):
        self.h2.send_headers(stream, headers(path, *more))
        for body in bodies:
            self.h2.send_data(stream, body)
        if end:
            self.h2.end_stream(stream)
        self.flush()

    def read(self, until, seconds=5):
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end
            self.sock.settimeout(seconds)
            data = self.sock.recv(65536)
            if not data:
                return
            self.events += self.h2.receive_data(data)
            self.flush()

    def answer(self, stream):
        self.read(lambda: Answer(self.events, stream).ended or self.was_reset(stream))
        return Answer(self.events, stream)

    def was_reset(self, stream):
        return Answer(self.events, stream).reset is not None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def converse_by_rule(rig, ask, cuts=(), until=lambda: True):
    """What the bytes of an h2 client, cut at these places, are answered."""
    made = client()
    ask(made)
    data = made.data_to_send()
    places = sorted({min(cut, len(data)) for cut in cuts})
    chunks = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    written = converse(rig.server, chunks, until)
    return made.receive_data(written)


def several_calls(made):
    """Four calls, their frames mixed; messages in pieces, several in one frame, padded."""
    for stream, path in ((1, "Echo"), (3, "Join"), (5, "Chat"), (7, "Count")):
        made.send_headers(stream, headers(f"/t.S/{path}"), priority_weight=7)
    large = message(b"abc" * 4000)
    made.send_data(1, large[:3])
    made.send_data(3, message(b"a") + message(b"") + message(b"bc")[:4], pad_length=9)
    made.send_data(1, b"", pad_length=3)
    made.send_data(1, large[3:7000])
    made.send_data(5, message(b"x" * 100), pad_length=200)
    made.ping(b"12345678")
    made.send_data(3, message(b"bc")[4:])
    made.send_data(1, large[7000:], end_stream=True)
    made.send_headers(3, [("trailing", "header")], end_stream=True)
    made.send_data(7, message(b"3"), end_stream=True, pad_length=0)
    made.send_data(5, message(b"y"))
    made.send_data(5, b"", end_stream=True)


@settings(deadline=None, max_examples=60)
@given(cuts=st.lists(st.integers(0, 14_000) | st.integers(0, 700), max_size=40))
def test_a_conversation_cut_at_any_places_has_the_same_answers(shared, cuts):
    events = converse_by_rule(shared, several_calls, cuts, lambda: shared.server.calls == 0)
    assert not [event for event in events if isinstance(event, ConnectionTerminated)]
    answers = {stream: Answer(events, stream) for stream in (1, 3, 5, 7)}
    assert {each.status for each in answers.values()} == {"0"}
    assert all(each.ended for each in answers.values())
    assert answers[1].data == message(b"abc" * 4000)
    assert answers[3].data == message(b"abc")
    assert answers[5].data == message(b"x" * 100) + message(b"y")
    assert answers[7].data == message(b"0") + message(b"1") + message(b"2")


def test_a_conversation_byte_by_byte(shared):
    events = converse_by_rule(
        shared, several_calls, range(14_000), lambda: shared.server.calls == 0
    )
    assert Answer(events, 1).data == message(b"abc" * 4000)


def test_headers_in_many_frames(rig):
    block = hpack.Encoder().encode([*HEADERS, ("long", "x" * 9000)])
    pieces = [block[n : n + 700] for n in range(0, len(block), 700)]
    kinds = [frames.HEADERS, *[frames.CONTINUATION] * (len(pieces) - 1)]
    flags = [*[0] * (len(pieces) - 1), frames.END_HEADERS]
    sent = b"".join(map(frames.frame, kinds, flags, [1] * len(pieces), pieces))
    sent += frames.frame(frames.DATA, frames.END_STREAM, 1, message(b"x"))
    converse(rig.server, [frames.PREFACE, sent], lambda: rig.server.calls == 0)
    assert ("long", "x" * 9000) in rig.methods.metadata[0]


@pytest.mark.parametrize("window", [1, 3, 500])
def test_answers_keep_to_the_windows(rig, window):
    """h2 fails where more is sent than it has room for."""
    body = b"x" * (30 * window)
    with Peer(rig, windows=window) as peer:
        peer.ask(1, "/t.S/Echo", message(body))
        got = b""
        while len(got) < len(message(body)):
            got = Answer(peer.events, 1).data
            peer.read(lambda got=got: len(Answer(peer.events, 1).data) >= min(
                len(got) + window, len(message(body))))  # fmt: skip
            new = len(Answer(peer.events, 1).data) - len(got)
            got = Answer(peer.events, 1).data
            if new and len(got) < len(message(body)):
                peer.h2.increment_flow_control_window(new, 1)
                peer.flush()
        assert peer.answer(1).status == "0"
    rig.assert_well()


def test_a_window_that_is_widened_by_settings(rig):
    with Peer(rig, windows=0) as peer:
        peer.ask(1, "/t.S/Echo", message(b"x" * 100))
        time.sleep(0.05)
        assert Answer(peer.events, 1).data == b""
        peer.h2.update_settings({frames.INITIAL_WINDOW_SIZE: 1000})
        peer.flush()
        assert peer.answer(1).data == message(b"x" * 100)
    rig.assert_well()


def test_an_answer_that_has_no_room_holds_up_no_other(rig):
    with Peer(rig, windows=10) as peer:
        peer.ask(1, "/t.S/Echo", message(b"x" * 100))
        peer.ask(3, "/t.S/Echo", message(b"y"))
        assert peer.answer(3).data == message(b"y")
        peer.h2.reset_stream(1)
        peer.flush()
        assert soon(lambda: rig.server.calls == 0)
    rig.assert_well()


def test_no_room_for_an_answer_ends_with_its_deadline(rig):
    with Peer(rig, windows=10) as peer:
        peer.ask(1, "/t.S/Echo", message(b"x" * 100), more=[("grpc-timeout", "100m")])
        assert peer.answer(1).reset == frames.ErrorCode.CANCEL
    rig.assert_well()


@pytest.mark.parametrize("path", ["Echo", "Join", "Chat", "Wait"])
@pytest.mark.parametrize("timeout", ["0n", "50m"])
def test_a_deadline_ends_a_call_wherever_it_is(rig, path, timeout):
    """With half a message, and none, and a whole one."""
    with Peer(rig) as peer:
        more = [("grpc-timeout", timeout)]
        peer.ask(1, f"/t.S/{path}", end=False, more=more)
        peer.ask(3, f"/t.S/{path}", message(b"xyz")[:6], end=False, more=more)
        peer.ask(5, f"/t.S/{path}", message(b"xyz"), end=False, more=more)
        for stream in (1, 3, 5):
            assert peer.answer(stream).reset == frames.ErrorCode.CANCEL
    rig.assert_well()


@pytest.mark.parametrize("path", ["Echo", "Join", "Chat"])
@pytest.mark.parametrize("far", ["99999999H", "99999999S", "12345"])
def test_a_far_deadline(rig, path, far):
    with Peer(rig) as peer:
        peer.ask(1, f"/t.S/{path}", message(b"x"), more=[("grpc-timeout", far)])
        assert peer.answer(1).data == message(b"x")
    rig.assert_well()


@pytest.mark.parametrize("path", ["Echo", "Join", "Chat", "Wait"])
@pytest.mark.parametrize("bodies", [(), (message(b"xyz")[:6],), (message(b"xyz"),)])
@pytest.mark.parametrize("end", [False, True])
def test_a_reset_wherever_the_call_is(rig, path, bodies, end):
    with Peer(rig) as peer:
        for stream in range(1, 40, 2):
            peer.h2.send_headers(stream, headers(f"/t.S/{path}"))
            for body in bodies:
                peer.h2.send_data(stream, body, end_stream=end)
            peer.h2.reset_stream(stream)
        peer.flush()
        peer.ask(41, "/t.S/Echo", message(b"last"))
        answer = peer.answer(41)
        assert answer.reset == frames.ErrorCode.REFUSED_STREAM or answer.data == message(b"last")
        assert soon(lambda: rig.server.calls == 0)
    rig.assert_well()


@pytest.mark.parametrize("path", ["Echo", "Join", "Chat", "Wait"])
@pytest.mark.parametrize("bodies", [(), (message(b"xyz")[:6],), (message(b"xyz"),)])
def test_a_connection_that_is_lost_wherever_its_calls_are(rig, path, bodies):
    for _ in range(3):
        with Peer(rig) as peer:
            for stream in range(1, 17, 2):
                peer.ask(stream, f"/t.S/{path}", *bodies, end=bool(bodies) and stream % 4 == 1)
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    rig.assert_well()


def test_resets_free_no_room_until_the_handlers_are_done(start, monkeypatch):
    monkeypatch.setattr(streams, "_NOTICING", 0.005)
    rig = start(most_streams=3)
    with Peer(rig) as peer:
        for stream in range(1, 200, 2):
            peer.h2.send_headers(stream, headers("/t.S/Hold"))
            peer.h2.send_data(stream, message(b"x"), end_stream=True)
            peer.h2.reset_stream(stream)
        peer.flush()
        peer.h2.ping(b"all read")
        peer.flush()
        peer.read(lambda: any(isinstance(e, PingAckReceived) for e in peer.events))
        assert rig.server.calls == 3
        for _ in range(3):
            assert rig.methods.entered.acquire(timeout=3)
        assert not rig.methods.entered.acquire(timeout=0.05)
        rig.methods.go_on.set()
    rig.assert_well()


@pytest.mark.parametrize(
    ("bodies", "code"),
    [
        ((), "13"),  # none
        ((message(b"a"), message(b"b")), "13"),  # too many
        ((message(b"abc")[:-1],), "13"),  # cut off
        ((message(b"abc")[:3],), "13"),
        ((message(b"abc", packed=1),), "13"),  # without an encoding
        ((b"\x00" + (LARGEST + 1).to_bytes(4, "big"),), "8"),
    ],
)
def test_messages_that_are_not_one(rig, bodies, code):
    with Peer(rig) as peer:
        peer.ask(1, "/t.S/Echo", b"".join(bodies))
        assert peer.answer(1).status == code
        peer.ask(3, "/t.S/Echo", message(b"x"))
        assert peer.answer(3).data == message(b"x")
    rig.assert_well()


def test_a_stream_of_messages_that_ends_in_the_middle_of_one(rig):
    with Peer(rig) as peer:
        peer.ask(1, "/t.S/Join", message(b"whole") + message(b"half")[:6])
        assert peer.answer(1).status == "13"
    rig.assert_well()


def test_an_encoding_that_there_is_not(rig):
    with Peer(rig) as peer:
        more = [("grpc-encoding", "snappy")]
        peer.ask(1, "/t.S/Echo", message(b"x", packed=1), more=more)
        answer = peer.answer(1)
        assert answer.status == "12"
        assert answer.headers["grpc-accept-encoding"] == "identity, deflate, gzip"
        peer.ask(3, "/t.S/Echo", message(b"x"), more=more)
        assert peer.answer(3).status == "0"
    rig.assert_well()


def test_requests_that_are_not_grpcs(rig):
    with Peer(rig) as peer:
        base = [h for h in HEADERS if h[0] not in ("content-type", ":method")]
        peer.h2.send_headers(1, [(":method", "POST"), *base], end_stream=True)
        peer.h2.send_headers(3, [(":method", "GET"), *base], end_stream=True)
        peer.h2.send_headers(5, headers("/t.S/Echo", ("long", "x" * 20_000)))
        peer.flush()
        assert peer.answer(1).headers[":status"] == "415"
        assert peer.answer(3).headers[":status"] == "405"
        assert peer.answer(5).status == "8"
        peer.ask(7, "/t.S/Echo", message(b"x"))
        assert peer.answer(7).data == message(b"x")
    rig.assert_well()


def test_who_cancels_may_ask_anew_at_once(start):
    """Each handler takes a moment to notice; the client keeps to its limit."""
    rig = start(most_streams=2)
    with Peer(rig) as peer:
        for stream in range(1, 60, 2):
            peer.ask(stream, "/t.S/Wait", message(b"x"))
            peer.h2.reset_stream(stream)
        for stream in (61, 63, 65):
            peer.ask(stream, "/t.S/Echo", message(b"x"))
            assert peer.answer(stream).status == "0"
    rig.assert_well()


def test_too_many_streams_are_refused_one_by_one(start):
    rig = start(most_streams=2)
    with Peer(rig) as peer:
        peer.read(lambda: peer.h2.remote_settings.max_concurrent_streams == 2)
        peer.h2.remote_settings[frames.MAX_CONCURRENT_STREAMS] = 100
        peer.h2.remote_settings.acknowledge()
        for stream in (1, 3, 5):
            peer.ask(stream, "/t.S/Wait", message(b"x"))
        assert peer.answer(5).reset == frames.ErrorCode.REFUSED_STREAM
        rig.methods.go_on.set()
        assert peer.answer(1).data == peer.answer(3).data == message(b"waited")
        peer.ask(7, "/t.S/Echo", message(b"x"))
        assert peer.answer(7).status == "0"
    rig.assert_well()


def test_a_client_that_does_not_read_holds_up_no_stop(rig):
    """Its answers fill the socket, and the thread that writes them waits."""
    with rig.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1000)
        made = client()
        made.update_settings({frames.INITIAL_WINDOW_SIZE: 2**31 - 1})
        made.increment_flow_control_window(2**31 - 1 - 65535)
        sock.sendall(made.data_to_send())
        body = message(bytes(1_000_000))
        block = hpack.Encoder().encode(HEADERS)
        for stream in range(1, 41, 2):
            sock.settimeout(0.5)
            try:
                sock.sendall(frames.headers(stream, block, last=False))
                sock.sendall(frames.frame(frames.DATA, frames.END_STREAM, stream, body))
            except TimeoutError:
                break
        time.sleep(0.3)
        assert rig.server.calls > 0, "all was written"
        began = time.monotonic()
        rig.server.stop(0.1)
        assert time.monotonic() - began < 4
        assert soon(lambda: rig.server.calls == 0)
