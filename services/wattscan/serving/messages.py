"""Messages as they come and go: bytes, the large ones in parts."""

from __future__ import annotations

from typing import TypeAlias

Message: TypeAlias = bytes | memoryview
Answer: TypeAlias = Message | list[Message]
"""A message as it goes out; a large one in parts, so that it is copied once."""


def joined(answer: Answer) -> bytes:
    """In one piece, as gRPC sends it."""
    if isinstance(answer, bytes):
        return answer
    return b"".join(answer) if isinstance(answer, list) else bytes(answer)
