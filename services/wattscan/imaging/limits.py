"""Limits on what a sender may make this process decode."""

from __future__ import annotations

from wattscan.contracts import ImageTooLarge, InvalidImage

MAX_BYTES = 64 * 1024 * 1024
"""A file or a tensor as it is sent."""

MAX_PIXELS = 50_000_000
"""One frame, decoded. A digital radiograph has 9 to 16 million."""


def check_size(height: int, width: int) -> None:
    """Refuse a frame before anything is allocated for it. Raises: InvalidImage, ImageTooLarge."""
    if height < 1 or width < 1:
        raise InvalidImage(f"the image is {height} x {width} pixels: it has none")
    if height * width > MAX_PIXELS:
        raise ImageTooLarge(
            f"the image is {height} x {width} pixels; the limit is {MAX_PIXELS} in all"
        )


def check_frame(frame: int, frames: int) -> None:
    """Raises: InvalidImage."""
    if frame >= frames:
        raise InvalidImage(f"frame {frame} was asked for; the file has {frames} (counted from 0)")
