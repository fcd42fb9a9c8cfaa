"""Large fields of a protobuf message, found in its bytes and not copied.

Parsing a message with tensors copies each of them; here their bytes are viewed where they lie, and
what is left, a few hundred bytes, is parsed with protobuf as ever. The encoding is documented in
protobuf's "Encoding": a field is a varint of number * 8 + wire type, then its value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wattscan.serving.errors import RequestRefused

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Each costs a step here, and two bytes to send.
_MOST_FIELDS = 20_000
_BROKEN = "the request is not a protobuf message: it is truncated or corrupt"


def split(data: memoryview, large: Collection[int]) -> tuple[bytes, list[tuple[int, memoryview]]]:
    """Take the large fields out of a message.

    Args:
        data: a serialized message.
        large: numbers of fields of wire type 2 (bytes, messages, packed numbers).

    Returns:
        The message without them, and the value of each occurrence, (number, bytes), in order.

    Raises:
        RequestRefused: the bytes are no message.
    """
    kept: list[memoryview] = []
    taken: list[tuple[int, memoryview]] = []
    begin = 0  # of the run of fields that is kept
    for count, (number, wire_type, start, value, end) in enumerate(_fields(data)):
        if count >= _MOST_FIELDS:
            raise RequestRefused(f"a message of the request has more than {_MOST_FIELDS} fields")
        if wire_type == _BYTES and number in large:
            taken.append((number, data[value:end]))
            kept.append(data[begin:start])
            begin = end
    kept.append(data[begin:])
    return b"".join(kept), taken


def large_field(number: int, length: int) -> bytes:
    """What stands before a field of wire type 2: its key and its length."""
    return _varint(number << 3 | _BYTES) + _varint(length)


def _fields(data: memoryview) -> Iterator[tuple[int, int, int, int, int]]:
    """(number, wire type, start of the field, start of its value, its end) of each field."""
    position = 0
    while position < len(data):
        start = position
        key, position = _read_varint(data, position)
        number, wire_type = key >> 3, key & 7
        value = position
        if wire_type == _BYTES:
            length, value = _read_varint(data, position)
            position = value + length
        elif wire_type == _VARINT:
            _, position = _read_varint(data, position)
        elif wire_type in (_FIXED32, _FIXED64):
            position += 4 if wire_type == _FIXED32 else 8
        else:  # groups, which no protocol here has
            raise RequestRefused(_BROKEN)
        if number == 0 or position > len(data):
            raise RequestRefused(_BROKEN)
        yield number, wire_type, start, value, position


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 64, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
    raise RequestRefused(_BROKEN)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
