"""What header blocks say, and what stands for nothing."""

import contextlib

import grpc
import hpack
import pytest
from http2_rig import HEADERS
from hypothesis import given, settings
from hypothesis import strategies as st

from wattscan.serving.http2 import replies
from wattscan.serving.http2.frames import ConnectionFailed
from wattscan.serving.http2.headers import HeaderReader, Malformed, Unanswerable

RAW = [(name.encode(), value.encode()) for name, value in HEADERS]


def block(*more, base=RAW, huffman=True):
    """Headers that leave the table alone."""
    fields = [hpack.NeverIndexedHeaderTuple(*field) for field in (*base, *more)]
    return hpack.Encoder().encode(fields, huffman=huffman)


def read(*more, base=RAW):
    return HeaderReader().read(block(*more, base=base))


def without(name):
    return [field for field in RAW if field[0] != name]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"0n", 0), (b"1u", 1e-6), (b"5m", 0.005), (b"7S", 7), (b"2M", 120),
        (b"99999999H", 99999999 * 3600), (b"100000000S", None), (b"1", None), (b"S", None),
        (b"-1S", None), (b"1 S", None), (b"1.5S", None), (b"", None), (b"\xb2S", None),
    ],
)  # fmt: skip
def test_timeouts(text, seconds):
    timeout = read((b"grpc-timeout", text)).timeout
    assert timeout == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("kind", "right"),
    [
        (b"application/grpc", True), (b"application/grpc+proto", True),
        (b"application/grpc;charset=x", True), (b"application/grpc-web", False),
        (b"application/grpc-web+proto", False), (b"application/json", False), (b"", False),
    ],
)  # fmt: skip
def test_content_types(kind, right):
    base = [*without(b"content-type"), (b"content-type", kind)]
    if right:
        assert read(base=base).path == "/t.S/Echo"
    else:
        with pytest.raises(Unanswerable) as raised:
            read(base=base)
        assert hpack.Decoder().decode(raised.value.block) == [(":status", "415")]


def test_metadata_is_what_is_not_the_transports():
    head = read(
        (b"a", b"1"), (b"a", b"2"), (b"user-agent", b"me"), (b"b-bin", b"AP8=,AP8, "),
        (b"grpc-encoding", b"gzip"), (b"umlaut", b"\xfc"), (b"content-length", b"5"),
    )  # fmt: skip
    assert head.metadata == (
        ("a", "1"), ("a", "2"), ("user-agent", "me"),
        ("b-bin", b"\x00\xff"), ("b-bin", b"\x00\xff"), ("b-bin", b""), ("umlaut", "ü"),
    )  # fmt: skip
    assert head.encoding == "gzip"


@pytest.mark.parametrize("missing", [b"te", b":authority"])
def test_what_may_be_missing(missing):
    assert read(base=without(missing)).path == "/t.S/Echo"


@pytest.mark.parametrize(
    "fields",
    [
        without(b":method"), without(b":path"), without(b":scheme"),
        [*RAW, (b":path", b"/t.S/Echo")], [*RAW, (b":other", b"x")], [RAW[0], *RAW],
        [*RAW, (b"Upper", b"x")], [*RAW, (b"", b"x")], [*RAW, (b"a b", b"x")],
        [*RAW, (b"a-bin", b"!")], [*RAW, (b"a-bin", b"AAAAA")], [(b":status", b"200"), *RAW],
    ],
)  # fmt: skip
def test_what_is_malformed(fields):
    with pytest.raises(Malformed):
        read(base=fields)


def test_another_method_than_post():
    with pytest.raises(Unanswerable) as raised:
        read(base=[(b":method", b"GET"), *without(b":method")])
    assert hpack.Decoder().decode(raised.value.block) == [(":status", "405")]


def test_too_large_a_list_is_refused_and_a_bomb_ends_the_connection():
    reader = HeaderReader()
    with pytest.raises(Unanswerable) as raised:
        reader.read(block((b"a", b"x" * 20_000)))
    assert ("grpc-status", "8") in hpack.Decoder().decode(raised.value.block)
    assert reader.read(block()).path == "/t.S/Echo"
    bomb = b"\x40\x01a" + b"\x7f" + b"\xa1\x1e" + b"x" * 4000 + b"\xbe" * 1000
    with pytest.raises(ConnectionFailed):
        reader.read(bomb)


def test_a_block_is_read_anew_once_the_table_has_changed():
    """Also where a change leaves the table's length and its first entry as they were."""
    reader = HeaderReader()

    def add(value):
        return b"\x40\x01a\x7f" + b"\xd1\x0e" + value * 2000  # of 4096 bytes, two have room

    plain = block(huffman=False)
    reader.read(plain + add(b"1"))
    reader.read(plain + add(b"2"))
    asks_older = plain + b"\xbf"  # the second entry
    assert reader.read(asks_older).metadata == (("a", "1" * 2000),)
    assert reader.read(asks_older).metadata == (("a", "1" * 2000),)
    reader.read(plain + add(b"2"))
    assert reader.read(asks_older).metadata == (("a", "2" * 2000),)


def test_a_block_that_sets_the_tables_size_does_so_each_time():
    reader = HeaderReader()
    plain = block(huffman=False)
    add = plain + b"\x40\x01a\x01b"
    for _ in range(2):
        reader.read(b"\x20" + plain)  # of 0 bytes: empty
        with pytest.raises(ConnectionFailed):
            HeaderReader.read(reader, plain + b"\xbe")
        reader = HeaderReader()
        reader.read(b"\x20" + plain)
        reader.read(b"\x3f\xe1\x1f" + plain)  # of 4096 again
        reader.read(b"\x20" + plain)
        reader.read(b"\x3f\xe1\x1f" + plain)
        reader.read(add)
        assert reader.read(plain + b"\xbe").metadata == (("a", "b"),)


field = st.tuples(
    st.sampled_from([b"a", b"b", b"authorization", b"x-long"]),
    st.sampled_from([b"", b"1", b"2", b"3", b"x" * 700, b"y" * 1500]),
)


@settings(deadline=None)
@given(st.lists(st.lists(field, max_size=4), max_size=30), st.randoms(use_true_random=False))
def test_what_is_remembered_is_what_would_be_read(requests, chance):
    """One reader against hpack alone, through blocks that repeat and change the table."""
    encoder, reader, plain = hpack.Encoder(), HeaderReader(), hpack.Decoder()
    for more in requests:
        if chance.random() < 0.2:
            encoder.header_table_size = chance.choice([0, 100, 1000, 4096])
        kinds = (hpack.HeaderTuple, hpack.NeverIndexedHeaderTuple)
        encoded = encoder.encode([chance.choice(kinds)(*f) for f in (*RAW, *more)])
        expected = [(str(n, "ascii"), str(v, "ascii")) for n, v in plain.decode(encoded, raw=True)]
        metadata = reader.read(encoded).metadata
        assert list(metadata) == [
            f for f in expected if f[0] in ("a", "b", "authorization", "x-long")
        ]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(ConnectionFailed, Malformed, Unanswerable):
        HeaderReader().read(data)


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_a_status(text):
    sent = dict(hpack.Decoder().decode(replies.closing(grpc.StatusCode.UNKNOWN, text, ())))
    assert sent["grpc-status"] == "2"
    message = sent.get("grpc-message", "")
    assert all(" " <= c <= "~" for c in message)
    assert len(message) <= 4096


def test_a_long_text_is_cut_between_characters():
    for shift in range(3):
        text = "x" * shift + "ü%" * 3000
        sent = dict(hpack.Decoder().decode(replies.closing(grpc.StatusCode.UNKNOWN, text, ())))
        assert 4090 <= len(sent["grpc-message"]) <= 4096
        assert "%" not in sent["grpc-message"][-2:]
