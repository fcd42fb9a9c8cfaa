"""Which frame of a file is asked for."""

from __future__ import annotations

from wattscan.contracts import InvalidImage


def check_frame(frame: int, frames: int) -> None:
    """Raises: InvalidImage."""
    if frame >= frames:
        raise InvalidImage(f"frame {frame} was asked for; the file has {frames} (counted from 0)")
