"""Large messages in frames of 16 KiB, which are read many at once, on a guess."""

import contextlib
import socket
import threading
from unittest.mock import ANY

import hpack
import pytest
from http2_rig import HEADERS, Script, converse, data_frames, message, read_until
from hypothesis import given, settings
from hypothesis import strategies as st
from test_malformed import ending

from wattscan.serving.http2 import connection, frames
from wattscan.serving.http2.reading import LARGEST_CONTROL, FrameReader
from wattscan.serving.http2.series import Series, read_series
from wattscan.serving.http2.transport import Plain

FULL = frames.DEFAULT_FRAME
BODY = bytes(n * n % 251 for n in range(240_000))
PING = frames.frame(frames.PING, 0, 0, b"12345678")
WIDE = frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW
BLOCK = hpack.Encoder().encode(HEADERS, huffman=False)


def call(stream, body, end):
    """The frames of a call with that message."""
    sent = [frames.headers(stream, BLOCK, last=False)]
    sent += data_frames(stream, message(body), ended=end == "with it")
    if end == "after it":
        sent.append(frames.frame(frames.DATA, frames.END_STREAM, stream))
    elif end == "by trailers":
        sent.append(frames.headers(stream, hpack.Encoder().encode([("a", "b")]), last=True))
    return sent


def mixed(calls, turns):
    """The calls' frames, now of one and now of another; headers in order."""
    sent = [each.pop(0) for each in calls]
    for turn in turns:
        each = calls[turn % len(calls)]
        if each:
            sent.append(each.pop(0))
    return sent + [frame for each in calls for frame in each]


def cut(data, sizes):
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


def answered(written, stream):
    """The bytes of all DATA frames of a stream, and how many pings were answered."""
    reader, data, pings = FrameReader(Script([written])), b"", 0
    while True:
        try:
            frame = reader.next()
        except EOFError:
            return data, pings
        content = bytearray(frame.length)
        reader.fill(memoryview(content))
        if frame.kind == frames.DATA and frame.number == stream:
            data += content
        pings += frame.kind == frames.PING


sizes = st.lists(
    st.integers(1, 30) | st.integers(1, 200_000) | st.sampled_from([9, FULL, FULL + 9]), max_size=30
)
lengths = st.sampled_from(
    [FULL - 5, FULL - 4, 2 * FULL - 5, 3 * FULL - 6, 7 * FULL + 77]
) | st.integers(1, len(BODY))
ends = st.sampled_from(["with it", "after it", "by trailers"])


@settings(deadline=None, max_examples=150)
@given(
    first=st.tuples(lengths, ends),
    second=st.tuples(lengths, ends),
    turns=st.lists(st.integers(0, 1), max_size=20),
    pings=st.lists(st.integers(0, 20), max_size=3),
    sizes=sizes,
)
def test_large_messages_arrive_however_they_are_mixed_and_cut(
    shared, first, second, turns, pings, sizes
):
    bodies = {1: BODY[: first[0]], 3: BODY[-second[0] :]}
    sent = mixed([call(1, bodies[1], first[1]), call(3, bodies[3], second[1])], turns)
    for place in pings:
        sent.insert(2 + place, PING)
    begin = [
        frames.PREFACE,
        frames.settings({frames.INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW}),
        frames.window_update(0, WIDE),
    ]
    chunks = cut(b"".join([*begin, *sent]), sizes)
    written = converse(shared.server, chunks, lambda: shared.server.calls == 0)
    for stream, body in bodies.items():
        assert answered(written, stream) == (message(body), len(pings))


def test_a_large_message_is_one_read():
    # What it is for: the frame's rest, the others, and the stream's end, from one system call.
    ours, theirs = socket.socketpair()
    with ours, theirs:
        data = data_frames(1, message(BODY), ended=True)
        sender = threading.Thread(target=theirs.sendall, args=(b"".join(data),))
        sender.start()
        room = memoryview(bytearray(len(BODY)))
        assert ours.recv(9 + 5, socket.MSG_WAITALL)[:9] == data[0][:9]
        found = read_series(Plain(ours), 1, room, FULL - 5, most=64)
        sender.join()
    assert found == Series(len(BODY) - (FULL - 5), True, b"")
    assert room == BODY


@pytest.mark.parametrize("left", [0, FULL])
def test_a_transport_that_reads_into_one_place_at_a_time(left):
    class OneByOne(Script):  # as TLS does
        def read_parts(self, views):
            count = self.read_into(views[0])
            if not count:
                raise EOFError
            return count

    data = b"".join(data_frames(1, BODY, ended=True))
    room = memoryview(bytearray(len(BODY)))
    skipped = FULL - left
    room[:skipped] = BODY[:skipped]
    found = read_series(OneByOne([data[9 + skipped :]]), 1, room[skipped:], left, most=64)
    assert found == Series(len(BODY) - FULL, True, b"")
    assert room == BODY


def test_a_slow_network_wakes_it_twice_a_frame():
    # Not once for each segment: the rest of a payload is waited for as a whole.
    data = b"".join(data_frames(1, message(BODY), ended=True))[9 + 5 :]
    waits = []

    class Counting(Script):
        def read_parts(self, views):
            waits.append("any")
            return super().read_parts(views)

        def fill(self, view):
            waits.append("all")
            super().fill(view)

    segments = Counting(cut(data, [1448] * (len(data) // 1448)))
    room = memoryview(bytearray(len(BODY)))
    assert read_series(segments, 1, room, FULL - 5, most=64).ended
    assert room == BODY
    assert len(waits) <= 2 * (len(BODY) // FULL + 1)


@pytest.mark.parametrize("other", [PING, frames.reset(1, frames.ErrorCode.CANCEL)])
def test_what_is_something_else_is_given_back_and_waited_for_no_longer(other):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        data = data_frames(1, BODY, ended=True)
        theirs.sendall(b"".join([*data[:3], other]))
        room = memoryview(bytearray(len(BODY)))
        ours.recv(9, socket.MSG_WAITALL)
        # More never comes: it must not block for it.
        ours.settimeout(5)
        found = read_series(Plain(ours), 1, room, FULL, most=64)
        assert found == Series(2 * FULL, False, other)
        assert room[: 3 * FULL] == BODY[: 3 * FULL]


def test_the_peers_end_inside_a_series():
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(BODY[:FULL])
        with pytest.raises(EOFError):
            read_series(Plain(ours), 1, memoryview(bytearray(len(BODY))), FULL, most=64)


def test_after_wrong_guesses_fewer_frames_are_read_at_once():
    # Frames of two streams in turns: what is behind each of them is never what was guessed.
    count = 200
    sent = [frames.frame(frames.DATA, 0, 1 + 2 * (n % 2), bytes((n,)) * FULL) for n in range(count)]
    asked = []

    class Counting(Script):
        def read_parts(self, views):
            asked.append(sum(map(len, views)))
            return super().read_parts(views)

    reader = FrameReader(Counting([b"".join(sent)]))
    room = memoryview(bytearray(100 * FULL))
    for number in range(count - 3):
        assert reader.next() == (frames.DATA, 0, 1 + 2 * (number % 2), FULL)
        assert reader.series(1 + 2 * (number % 2), room) == Series(0, False, ANY)
        assert room[:FULL] == bytes((number,)) * FULL
    assert asked[0] > 60 * FULL
    assert len(asked) > 20
    assert max(asked[1:]) < 4 * FULL


def test_what_a_wrong_guess_brought_is_let_go_of():
    first, *others = data_frames(1, BODY, ended=False)[:10]
    reader = FrameReader(Script([b"".join([first, PING, *others]), PING]))
    reader.next()
    assert reader.series(1, memoryview(bytearray(len(BODY)))).length == 0
    assert reader.next().kind == frames.PING
    assert reader.payload() == b"12345678"
    for other in others:
        assert reader.next().length == len(other) - frames.HEAD
        reader.skip()
    assert reader.next().kind == frames.PING
    assert len(reader._buffer) <= LARGEST_CONTROL + frames.HEAD


def test_no_guess_has_more_buffers_than_the_kernel_takes():
    data = bytes(4_000_000)
    counts = []

    class Counting(Script):
        def read_parts(self, views):
            counts.append(len(views))
            return super().read_parts(views)

    reader = FrameReader(Counting(data_frames(1, data, ended=True)))
    room = memoryview(bytearray(len(data)))
    while room:
        left = reader.next().length
        found = reader.series(1, room) if left < len(room) else Series(0, True, b"")
        room = room[left + found.length :]
    assert max(counts) < 200


def begin(rig):
    """A client's greeting, with room for large answers."""
    sock = rig.connect()
    sock.sendall(
        frames.PREFACE
        + frames.settings({frames.INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW})
        + frames.window_update(0, WIDE)
    )
    return sock


def read_all(sock):
    data = b""
    sock.settimeout(10)
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            data += chunk
    return data


def send_what_is_taken(sock, data):
    with contextlib.suppress(OSError):
        sock.sendall(data)


def kinds(data):
    """Kind, stream and payload of each frame."""
    found = []
    while data:
        length = int.from_bytes(data[:3], "big")
        number = int.from_bytes(data[5:9], "big")
        found.append((data[3], number, data[9 : 9 + length]))
        data = data[9 + length :]
    return found


def test_series_are_counted_against_the_streams_window(rig):
    # The handler waits to send its first answer, and takes nothing more.
    path = [(name, "/t.S/Chat" if name == ":path" else value) for name, value in HEADERS]
    sent = [frames.PREFACE, frames.settings({})]
    sent.append(frames.headers(1, hpack.Encoder().encode(path), last=False))
    sent += data_frames(1, message(BODY) * 12, ended=False)
    with rig.connect() as sock:
        sender = threading.Thread(target=send_what_is_taken, args=(sock, b"".join(sent)))
        sender.start()
        assert ending(read_all(sock)) == frames.ErrorCode.FLOW_CONTROL_ERROR
        sender.join()


def test_the_connections_window_is_renewed_by_series_too(rig, monkeypatch):
    monkeypatch.setattr(connection, "_RENEW_AT", 100_000)
    with begin(rig) as sock:
        sock.sendall(b"".join(call(1, BODY, "with it")))
        sock.sendall(b"".join(call(3, BODY, "with it")))
        sock.shutdown(socket.SHUT_WR)
        told = kinds(read_all(sock))
    given = [
        int.from_bytes(content, "big")
        for kind, number, content in told
        if (kind, number) == (frames.WINDOW_UPDATE, 0)
    ]
    sent = 2 * (len(BODY) + 5)
    assert sent - 100_000 < sum(given[1:]) <= sent


def test_a_full_frame_that_ends_a_stream_too_early_is_answered(rig):
    with begin(rig) as sock:
        cut_off = message(BODY)[: 2 * FULL]
        sock.sendall(frames.headers(1, BLOCK, last=False))
        sock.sendall(b"".join(data_frames(1, cut_off, ended=True)))
        read_until(sock, b"cut off")
