"""Messages from DATA's bytes, whatever pieces they come in."""

import gzip
import tracemalloc
import zlib

import pytest
from http2_rig import message
from hypothesis import given, settings
from hypothesis import strategies as st

from wattscan.serving.errors import NotOffered
from wattscan.serving.http2.messages import Assembler, Broken, TooLarge


def feed(assembler, data, sizes):
    """The messages; the bytes come in pieces of these sizes, then all at once."""
    sizes, found = iter(sizes), []
    while data:
        piece, count = assembler.room, next(sizes, len(data))
        if piece is None:
            count = min(count, assembler.missing, len(data))
            assembler.prefix(data[:count])
            if assembler.room is not None and not len(assembler.room):
                found.append(assembler.filled(0))
        else:
            count = min(count, len(piece), len(data))
            piece[:count] = data[:count]
            received = assembler.filled(count)
            found += [received] if received is not None else []
        data = data[count:]
    return found


@settings(deadline=None)
@given(
    st.lists(st.binary(max_size=50), max_size=8),
    st.lists(st.integers(1, 20), max_size=100),
)
def test_messages_in_any_pieces(messages, sizes):
    assembler = Assembler(1000, "identity")
    found = feed(assembler, b"".join(map(message, messages)), sizes)
    assert [bytes(assembler.opened(each)) for each in found] == messages
    assert not assembler.begun


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed(pack):
    encoding = {gzip.compress: "gzip", zlib.compress: "deflate"}[pack]
    for data in (b"", b"x", bytes(1000)):
        assembler = Assembler(1000, encoding)
        (received,) = feed(assembler, message(pack(data), packed=1), [])
        assert assembler.opened(received) == data


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (gzip.compress(bytes(1001)), TooLarge),
        (gzip.compress(bytes(800_000)), TooLarge),
        (gzip.compress(b"x")[:-1], Broken),
        (gzip.compress(b"x") + b"more", Broken),
        (b"nothing", Broken),
        (b"", Broken),
    ],
)
def test_what_cannot_be_decompressed(data, error):
    assembler = Assembler(1000, "gzip")
    (received,) = feed(assembler, message(data, packed=1), [])
    with pytest.raises(error):
        assembler.opened(received)


def test_an_encoding_that_there_is_not():
    assembler = Assembler(1000, "snappy")
    (plain, packed) = feed(assembler, message(b"x") + message(b"x", packed=1), [])
    assert assembler.opened(plain) == b"x"
    with pytest.raises(NotOffered):
        assembler.opened(packed)


@pytest.mark.parametrize(("encoding", "packed"), [("identity", 1), ("gzip", 2), ("gzip", 255)])
def test_a_prefix_that_says_nothing(encoding, packed):
    with pytest.raises(Broken):
        feed(Assembler(1000, encoding), message(b"x", packed=packed), [])


@pytest.mark.parametrize("length", [1001, 2**32 - 1])
def test_too_large_is_told_by_the_prefix(length):
    with pytest.raises(TooLarge):
        Assembler(1000, "identity").prefix(b"\x00" + length.to_bytes(4, "big"))


def test_a_bomb_is_not_unfolded():
    bomb = gzip.compress(bytes(20_000_000), 1)
    assembler = Assembler(100_000, "gzip")
    (received,) = feed(assembler, message(bomb, packed=1), [])
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            assembler.opened(received)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
