"""Large fields of a protobuf message, found in its bytes and not copied.

Parsing a message with tensors copies each of them; here their bytes are viewed where they lie, and
what is left, a few hundred bytes, is parsed with protobuf as ever. The encoding is documented in
protobuf's "Encoding": a field is a varint of number * 8 + wire type, then its value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TypeAlias

from wattscan.serving.errors import RequestRefused

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Each costs a step here, and two bytes to send.
_MOST_FIELDS = 20_000
_FEW_FIELDS = 64
_LONGEST = 10  # bytes of a number
_ONE_BYTE = 0x7F  # the largest number that has one
_BROKEN = "the request is not a protobuf message: it is truncated or corrupt"

Parts: TypeAlias = tuple[bytes, list[tuple[int, memoryview]]]


def split(data: memoryview, large: Collection[int], most: int = _MOST_FIELDS) -> Parts:
    """Take the large fields out of a message.

    Args:
        data: a serialized message.
        large: numbers of fields of wire type 2 (bytes, messages, packed numbers).
        most: fields that it may have.

    Returns:
        The message without them, and the value of each occurrence, (number, bytes), in order.

    Raises: RequestRefused: the bytes are no message.
    """
    kept: list[memoryview] = []
    taken: list[tuple[int, memoryview]] = []
    begin = position = count = 0  # `begin`: of the run of fields that is kept
    end = len(data)
    while position < end:
        start = position
        key = data[position]
        position += 1
        if key > _ONE_BYTE:
            key, position = _read_varint(data, start)
        number = key >> 3
        if key & 7 == _BYTES:
            length, value = _read_varint(data, position)
            position = value + length
            if number in large and position <= end:
                taken.append((number, data[value:position]))
                kept.append(data[begin:start])
                begin = position
        else:
            position = _skip(data, position, key & 7)
        count += 1
        if number == 0 or position > end:
            raise RequestRefused(_BROKEN)
        if count > most:
            raise RequestRefused(f"a message of the request has more than {most} fields")
    kept.append(data[begin:])
    return b"".join(kept), taken


def lifted(data: memoryview, path: Sequence[Sequence[int]]) -> tuple[bytes, memoryview] | None:
    """Take one large field out of the messages inside a message.

    Args:
        data: a serialized message.
        path: from the outside in, of each message: the field's number, and those of others that it
            may not stand beside. Each field of the path must be there once.

    Returns:
        The message without it, and its value. None where it is not so, where a message has more
        than a few fields, or is none: what that means is protobuf's to say.
    """
    try:
        kept, taken = split(data, path[0], _FEW_FIELDS)
    except RequestRefused:
        return None
    if [number for number, _ in taken] != [path[0][0]]:
        return None
    inner = taken[0][1]
    if len(path) == 1:
        return kept, inner
    found = lifted(inner, path[1:])
    if found is None:
        return None
    rest, value = found
    return b"".join((kept, large_field(path[0][0], len(rest)), rest)), value


@lru_cache(maxsize=256)  # a model's tensors have the same sizes again and again
def large_field(number: int, length: int) -> bytes:
    """What stands before a field of wire type 2: its key and its length."""
    return _varint(number << 3 | _BYTES) + _varint(length)


def _skip(data: memoryview, position: int, wire_type: int) -> int:
    """Where a number ends."""
    if wire_type == _VARINT:
        return _read_varint(data, position)[1]
    if wire_type in (_FIXED32, _FIXED64):
        return position + (4 if wire_type == _FIXED32 else 8)
    raise RequestRefused(_BROKEN)  # groups, which no protocol here has


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """The number there, and where it ends."""
    if position < len(data) and (byte := data[position]) <= _ONE_BYTE:
        return byte, position + 1
    result = 0
    for place, byte in enumerate(data[position : position + _LONGEST]):
        result |= (byte & 0x7F) << 7 * place
        if byte <= _ONE_BYTE:
            return result, position + place + 1
    raise RequestRefused(_BROKEN)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
