"""Bytes that break the rules: the server answers or closes, and its next client is served."""

import random
import socket
import struct
import threading
import time

import hpack
import pytest
from http2_rig import HEADERS, SECRET, converse, message, soon
from hypothesis import given, settings
from hypothesis import strategies as st

from wattscan.serving.http2 import connection, frames, transport
from wattscan.serving.http2.frames import ErrorCode, frame

BLOCK = hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*h) for h in HEADERS])
BEGIN = frames.PREFACE + frames.settings({})
OPEN = frame(frames.HEADERS, frames.END_HEADERS, 1, BLOCK)
WHOLE = frame(frames.DATA, frames.END_STREAM, 1, message(b"x"))


def parsed(data):
    """Frames: kind, flags, stream, payload."""
    found = []
    while data:
        sized, flags, stream = struct.unpack_from(">IBI", data)
        length = sized >> 8
        found.append((sized & 0xFF, flags, stream, data[9 : 9 + length]))
        data = data[9 + length :]
    return found


def ending(data):
    """The error code of the GOAWAY that ends it, or None."""
    kind, _, _, payload = parsed(data)[-1]
    return struct.unpack(">II", payload)[1] if kind == frames.GOAWAY else None


def headers(flags=frames.END_HEADERS, stream=1, block=BLOCK):
    return frame(frames.HEADERS, flags, stream, block)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(frames.DATA, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
        (frame(frames.DATA, 0, 1, b"x"), ErrorCode.PROTOCOL_ERROR),
        (OPEN + frame(frames.DATA, 0, 2, b"x"), ErrorCode.PROTOCOL_ERROR),
        (OPEN + frame(frames.DATA, 0, 3, b"x"), ErrorCode.PROTOCOL_ERROR),
        (OPEN + frame(frames.DATA, frames.PADDED, 1), ErrorCode.PROTOCOL_ERROR),
        (OPEN + frame(frames.DATA, frames.PADDED, 1, b"\x02x"), ErrorCode.PROTOCOL_ERROR),
        (headers(stream=0), ErrorCode.PROTOCOL_ERROR),
        (headers(stream=2), ErrorCode.PROTOCOL_ERROR),
        (headers(frames.PADDED | frames.END_HEADERS, block=b""), ErrorCode.PROTOCOL_ERROR),
        (headers(frames.PADDED | 4, block=b"\xff" + BLOCK), ErrorCode.PROTOCOL_ERROR),
        (headers(frames.WITH_PRIORITY | 4, block=b"abcd"), ErrorCode.PROTOCOL_ERROR),
        (headers(frames.WITH_PRIORITY | 12, block=b"\x01abcde"), ErrorCode.PROTOCOL_ERROR),
        (headers(block=b"\x80"), ErrorCode.COMPRESSION_ERROR),
        (headers(block=b"\xff" * 30_000), ErrorCode.COMPRESSION_ERROR),
        (headers(block=b"\xfe"), ErrorCode.COMPRESSION_ERROR),
        (headers(block=BLOCK[:-3]), ErrorCode.COMPRESSION_ERROR),
        (headers(0) + frame(frames.PING, 0, 0, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (headers(0) + frame(frames.CONTINUATION, 4, 3, b"x"), ErrorCode.PROTOCOL_ERROR),
        (headers(0) + headers(), ErrorCode.PROTOCOL_ERROR),
        (headers(0) + frame(frames.CONTINUATION, 0, 1), ErrorCode.ENHANCE_YOUR_CALM),
        (headers(0) + 40 * frame(9, 0, 1, bytes(1000)), ErrorCode.ENHANCE_YOUR_CALM),
        (frame(frames.CONTINUATION, 4, 1, BLOCK), ErrorCode.PROTOCOL_ERROR),
        (OPEN + OPEN, ErrorCode.PROTOCOL_ERROR),  # trailers that do not end it
        (frame(frames.PUSH_PROMISE, 4, 1, bytes(4) + BLOCK), ErrorCode.PROTOCOL_ERROR),
        (frame(frames.RST_STREAM, 0, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
        (frame(frames.RST_STREAM, 0, 0, bytes(4)), ErrorCode.PROTOCOL_ERROR),
        (OPEN + frame(frames.RST_STREAM, 0, 1, bytes(3)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(frames.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
        (frame(frames.SETTINGS, 0, 0, b"x"), ErrorCode.FRAME_SIZE_ERROR),
        (frame(frames.SETTINGS, frames.ACK, 0, bytes(6)), ErrorCode.FRAME_SIZE_ERROR),
        (frames.settings({frames.ENABLE_PUSH: 2}), ErrorCode.PROTOCOL_ERROR),
        (frames.settings({frames.MAX_FRAME_SIZE: 1}), ErrorCode.PROTOCOL_ERROR),
        (frames.settings({frames.MAX_FRAME_SIZE: 2**24}), ErrorCode.PROTOCOL_ERROR),
        (frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31}), ErrorCode.FLOW_CONTROL_ERROR),
        (frame(frames.PING, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (frame(frames.PING, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(frames.GOAWAY, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(1, 1), ErrorCode.PROTOCOL_ERROR),
        (frames.window_update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
        (OPEN + frames.window_update(1, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
        (
            OPEN + frames.window_update(1, 2**30)
            + frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31 - 1}),
            ErrorCode.FLOW_CONTROL_ERROR,
        ),
        (frame(frames.WINDOW_UPDATE, 0, 0, bytes(3)), ErrorCode.FRAME_SIZE_ERROR),
        (frame(99, 0, 0, bytes(40_000)), ErrorCode.FRAME_SIZE_ERROR),
        (2000 * frame(frames.PING, 0, 0, bytes(8)), ErrorCode.ENHANCE_YOUR_CALM),
        (2000 * frames.settings({}), ErrorCode.ENHANCE_YOUR_CALM),
        (2000 * frame(99, 0, 7), ErrorCode.ENHANCE_YOUR_CALM),
        (OPEN + 2000 * frame(frames.DATA, 0, 1), ErrorCode.ENHANCE_YOUR_CALM),
        (OPEN + 2000 * frame(frames.RST_STREAM, 0, 1, bytes(4)), ErrorCode.ENHANCE_YOUR_CALM),
    ],
)  # fmt: skip
def test_what_ends_a_connection(shared, sent, code):
    assert ending(converse(shared.server, [BEGIN + sent])) == code
    shared.assert_well()


HOLD = hpack.Encoder().encode(
    [(n, "/t.S/Wait" if n == ":path" else v) for n, v in HEADERS]
)  # fmt: skip
WAITING = frame(frames.HEADERS, frames.END_HEADERS, 1, HOLD) + WHOLE


@pytest.mark.parametrize(
    "sent",
    [frame(frames.DATA, 0, 1, b"x"), headers(frames.END_HEADERS | frames.END_STREAM)],
)
def test_more_of_a_stream_that_its_client_has_ended(shared, sent):
    assert ending(converse(shared.server, [BEGIN + WAITING + sent])) == ErrorCode.STREAM_CLOSED
    shared.assert_well()


def test_an_answer_does_not_follow_what_ended_its_connection(rig, monkeypatch):
    abandon = connection.Streams.abandon

    def answered_meanwhile(streams):
        if not rig.methods.go_on.is_set():
            rig.methods.go_on.set()
            assert rig.methods.left.acquire(timeout=10)
            time.sleep(0.05)  # and has had time to be sent
        abandon(streams)

    monkeypatch.setattr(connection.Streams, "abandon", answered_meanwhile)
    with rig.connect() as sock:
        sock.sendall(BEGIN + WAITING)
        assert rig.methods.entered.acquire(timeout=10)
        sock.sendall(frames.window_update(0, 0))
        sock.shutdown(socket.SHUT_WR)
        written = b"".join(iter(lambda: sock.recv(65536), b""))
    assert ending(written) == ErrorCode.PROTOCOL_ERROR


def test_more_than_there_is_a_window_for(shared):
    path = [(n, "/t.S/Join" if n == ":path" else v) for n, v in HEADERS]
    head = frame(frames.HEADERS, frames.END_HEADERS, 1, hpack.Encoder().encode(path))
    small = frame(frames.DATA, 0, 1, message(bytes(65_531)))
    # Of a message that is begun, all may come; of what is behind it, nothing.
    most = frame(frames.DATA, 0, 1, b"\0" + (2_000_000).to_bytes(4, "big"))
    after = frame(frames.DATA, 0, 1, bytes(3_500_000))
    assert ending(converse(shared.server, [BEGIN + head + small])) is None
    written = converse(shared.server, [BEGIN + head + most + after])
    assert ending(written) == ErrorCode.FLOW_CONTROL_ERROR
    shared.assert_well()


@pytest.mark.parametrize(
    "sent",
    [
        frame(2, 0, 1, bytes(5)),  # a priority
        frame(99, 255, 2**31 - 1, bytes(100)),
        frame(frames.GOAWAY, 0, 0, bytes(8) + SECRET.encode()),
        frame(frames.PING, frames.ACK, 0, bytes(8)),
        frames.settings({77: 5, 1: 0, frames.MAX_HEADER_LIST_SIZE: 1}),
        frames.window_update(0, 5),
    ],
)
def test_what_means_nothing_changes_nothing(shared, sent):
    chunks = [BEGIN + sent + OPEN + sent + WHOLE + sent]
    written = converse(shared.server, chunks, lambda: shared.server.calls == 0)
    assert ending(written) is None
    data = [payload for kind, _, stream, payload in parsed(written) if (kind, stream) == (0, 1)]
    assert b"".join(data) == message(b"x")


def test_frames_for_streams_that_are_over_change_nothing(shared):
    late = frames.reset(1, ErrorCode.CANCEL) + frames.window_update(1, 5) + WHOLE
    refused = frame(frames.HEADERS, frames.END_HEADERS, 1, hpack.Encoder().encode(
        [(n, "/t.S/None" if n == ":path" else v) for n, v in HEADERS]))  # fmt: skip
    written = converse(shared.server, [BEGIN + refused + late])
    assert ending(written) is None
    shared.assert_well()


def test_a_malformed_request_costs_its_stream_alone(shared):
    wrong = hpack.Encoder().encode([*HEADERS, ("Upper", SECRET)])
    sent = frame(frames.HEADERS, frames.END_HEADERS, 1, wrong) + WHOLE
    sent += frame(frames.HEADERS, 4, 3, BLOCK) + frame(frames.DATA, 1, 3, message(b"y"))
    written = converse(shared.server, [BEGIN + sent], lambda: shared.server.calls == 0)
    assert (frames.RST_STREAM, 0, 1, b"\0\0\0\1") in parsed(written)
    assert (frames.DATA, 0, 3, message(b"y")) in parsed(written)


_frames = st.builds(
    frame,
    st.integers(0, 11),
    st.integers(0, 255),
    st.sampled_from([0, 1, 1, 1, 2, 3, 5, 2**31]),
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([BLOCK, BLOCK[:9], message(b"x"), message(b"x")[:5], bytes(4), bytes(8)]),
    ),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(_frames, max_size=12), st.booleans())
def test_random_frames(shared, sent, opened):
    converse(shared.server, [BEGIN + (OPEN if opened else b""), *sent])
    assert soon(lambda: shared.server.calls == 0)


VALID = (
    BEGIN + OPEN + frame(frames.DATA, 0, 1, message(b"abc")[:4]) + headers(stream=3)
    + frame(frames.DATA, frames.PADDED, 1, b"\x03" + message(b"abc")[4:] + bytes(3))
    + frame(frames.PING, 0, 0, bytes(8)) + frames.window_update(1, 9)
    + frame(frames.DATA, 1, 3, message(b"y")) + headers(frames.END_HEADERS | 1)
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(VALID)),
    st.integers(0, len(VALID)),
)
def test_mutated_conversations(shared, changes, cut, end):
    data = bytearray(VALID)
    for place, value in changes:
        data[place] = value
    converse(shared.server, [bytes(data[:cut]), bytes(data[cut : max(cut, end)])])
    assert soon(lambda: shared.server.calls == 0)


def test_nothing_of_a_client_is_logged(shared, caplog):
    caplog.set_level("DEBUG")
    chance = random.Random(3)
    words = hpack.Encoder().encode([*HEADERS, ("patient", SECRET)], huffman=False)
    for _ in range(300):
        data = bytearray(BEGIN + headers(block=words) + WHOLE)
        data[chance.randrange(24, len(data))] = chance.randrange(256)
        converse(shared.server, [bytes(data)])
    assert "Jane" not in caplog.text
    assert "patient" not in caplog.text
    shared.assert_well()


def test_a_mistake_of_ours_ends_one_connection_and_is_told_by_its_type(start, monkeypatch, caplog):
    rig = start()
    with monkeypatch.context() as patch:
        patch.setattr(rig.server, "find", lambda head: 1 // 0)
        converse(rig.server, [BEGIN + OPEN])
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" not in caplog.text
    rig.assert_well()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI" + bytes(30),
        b"\0" * 24,
    ],
)
def test_what_is_no_http2_is_closed_at_once(rig, sent):
    with rig.connect() as sock:
        sock.sendall(sent)
        sock.settimeout(5)
        while sock.recv(1000):
            pass
    rig.assert_well()


@pytest.mark.parametrize("sent", [b"", b"P", frames.PREFACE[:-1]])
def test_who_does_not_begin_is_closed(start, monkeypatch, sent):
    monkeypatch.setattr(transport, "_BEGIN_PATIENCE", 0.2)
    rig = start()
    with rig.connect() as sock:
        sock.sendall(sent)
        sock.settimeout(5)
        while sock.recv(1000):
            pass
    with rig.connect() as sock:
        sock.sendall(BEGIN)
        time.sleep(0.4)  # who has begun may be silent
        sock.sendall(OPEN + WHOLE)
        assert soon(lambda: rig.methods.metadata)
    rig.assert_well()


def test_who_breaks_the_rules_can_read_why(rig):
    """Bytes that nobody reads would have the connection reset, and the reason lost."""
    with rig.connect() as sock:
        sock.sendall(BEGIN + frames.window_update(0, 0) + bytes(100_000))
        sock.settimeout(5)
        got = b""
        while data := sock.recv(1000):
            got += data
    assert ending(got) == ErrorCode.PROTOCOL_ERROR
    rig.assert_well()


def test_too_many_connections_that_have_just_come_are_closed(start):
    rig = start(most_connections=3)
    socks = [rig.connect() for _ in range(3)]
    assert soon(lambda: rig.server.connections == 3)
    with rig.connect() as sock:
        sock.settimeout(5)
        assert sock.recv(1) == b""
    for sock in socks:
        sock.close()
    assert soon(lambda: not rig.server._listener._threads)
    rig.assert_well()


def test_the_window_of_all_streams_is_renewed(start, monkeypatch):
    monkeypatch.setattr(connection, "_RENEW_AT", 1000)
    rig = start()
    body = frame(frames.DATA, 0, 1, message(bytes(1500))) + frame(frames.DATA, 1, 1)
    written = converse(rig.server, [BEGIN + OPEN + body], lambda: rig.server.calls == 0)
    assert frames.window_update(0, 1505) in written


def test_a_call_after_the_farewell_is_refused_and_the_one_before_is_answered(rig):
    with rig.connect() as sock:
        sock.sendall(BEGIN + WAITING)
        assert rig.methods.entered.acquire(timeout=3)
        stopping = threading.Thread(target=rig.server.stop, args=(5,))
        stopping.start()
        sock.settimeout(3)
        got = b""
        while frames.goaway(1, ErrorCode.NO_ERROR) not in got:
            got += sock.recv(1000)
        sock.sendall(headers(stream=3) + WHOLE[:5] + b"\0\0\0\3" + WHOLE[9:])
        while frames.reset(3, ErrorCode.REFUSED_STREAM) not in got:
            got += sock.recv(1000)
        rig.methods.go_on.set()
        while data := sock.recv(1000):
            got += data
        assert frame(frames.DATA, 0, 1, message(b"waited")) in got
    stopping.join()
