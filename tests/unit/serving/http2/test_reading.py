"""Frames are the same, whatever pieces their bytes come in."""

import pytest
from http2_rig import Script
from hypothesis import given, settings
from hypothesis import strategies as st

from wattscan.serving.http2 import frames
from wattscan.serving.http2.reading import LARGEST_CONTROL, FrameReader

_sizes = st.one_of(st.integers(0, 40), st.integers(0, LARGEST_CONTROL), st.just(LARGEST_CONTROL))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from([frames.DATA, frames.SETTINGS]), _sizes), max_size=8),
    st.lists(st.integers(1, 10) | st.integers(1, 40_000), max_size=40),
)
def test_frames_in_any_pieces(kinds, cuts):
    bodies = [bytes((n + 1,)) * size for n, (_, size) in enumerate(kinds)]
    data = b"".join(
        frames.frame(kind, 0, 1, body) for (kind, _), body in zip(kinds, bodies, strict=True)
    )
    chunks = []
    for cut in cuts:
        chunks.append(data[:cut])
        data = data[cut:]
    reader = FrameReader(Script([*chunks, data]))
    for (kind, size), body in zip(kinds, bodies, strict=True):
        assert reader.next() == (kind, 0, 1, size)
        if kind == frames.SETTINGS:
            assert reader.payload() == body
            continue
        half = bytearray(size // 2)
        reader.fill(memoryview(half))
        first = reader.some(3) if reader.left else b""
        rest = bytearray(min(reader.left, 50))
        reader.fill(memoryview(rest))
        assert body.startswith(bytes(half) + first + bytes(rest))
        reader.skip()
    with pytest.raises(EOFError):
        reader.next()


@pytest.mark.parametrize("size", [0, 1, LARGEST_CONTROL - 1, LARGEST_CONTROL])
def test_large_frames_that_all_come_at_once(size):
    data = frames.frame(frames.SETTINGS, 0, 0, bytes(size)) * 5
    reader = FrameReader(Script([data]))
    for _ in range(5):
        assert reader.next().length == size
        assert reader.payload() == bytes(size)
