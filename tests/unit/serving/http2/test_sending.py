"""DATA frames of a message in parts, as a client's windows let them."""

import threading

from hypothesis import example, given, settings
from hypothesis import strategies as st

from wattscan.serving.http2 import frames
from wattscan.serving.http2.messages import framed
from wattscan.serving.http2.sending import Sender
from wattscan.serving.http2.waiting import Signal

SMALLEST_FRAME, ROOM = 16_384, 7000


class Transport:
    def __init__(self):
        self.written = []

    def write(self, parts):
        self.written += [bytes(part) for part in parts]

    def shut(self):
        raise AssertionError("nothing has failed")


class Stream:
    """Its client gives a little more room whenever it is waited for."""

    number = 5
    window = 0

    def patience(self):
        return 0.0


def lengths(data):
    """Of the DATA frames that it consists of, and what they carry."""
    found, carried = [], b""
    while data:
        length = int.from_bytes(data[:3], "big")
        assert data[3:9] == b"\x00\x00\x00\x00\x00\x05"
        found.append(length)
        carried += data[9 : 9 + length]
        data = data[9 + length :]
    return found, carried


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40_000), max_size=4), st.integers(0, 90_000), st.booleans())
@example([b"", b"x" * 20_000, b""], 0, True)
def test_parts_arrive_in_frames_that_fit(pieces, window, viewed):
    transport, stream = Transport(), Stream()
    sender = Sender(transport)
    sender.widen(1_000_000)
    stream.window = window

    def wanted(one):
        one.window += ROOM
        return True

    parts = []
    whole = framed([memoryview(each) for each in pieces] if viewed else list(pieces))
    with sender.changed.lock:
        sender.add(parts, stream, whole, wanted)
        sender.write(parts)
    sizes, carried = lengths(b"".join(transport.written))
    body = b"".join(pieces)
    assert carried == b"\x00" + len(body).to_bytes(4, "big") + body
    assert all(0 < size <= SMALLEST_FRAME for size in sizes)
    assert stream.window >= 0
    assert sum(sizes) == len(body) + 5
    assert sizes[0] == min(len(body) + 5, window or ROOM, frames.DEFAULT_FRAME)


def test_a_change_wakes_all_who_wait_and_nobody_is_needed_to_wait():
    signal, told = Signal(), []

    def wait():
        with signal.lock:
            told.append(False)
            signal.wait(10)
            told.append(True)

    with signal.lock:
        signal.tell()
        signal.wait(0.01)
    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(told) < 3:
        pass
    with signal.lock:
        signal.tell()
    for thread in threads:
        thread.join(5)
    assert told.count(True) == 3
