"""Limits on what a sender may make a service decode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wattscan.contracts.errors import ImageTooLarge, InvalidImage

_BYTES_PER_PIXEL = 16
"""From the message to the answer: 15 were measured (5000 x 5000 pixels, 8 bits, and their mask)."""


@dataclass(frozen=True)
class Limits:
    """What is taken. The defaults suit a workstation's radiographs; small boards take less."""

    max_bytes: int = 64 * 1024 * 1024
    """A file or a tensor as it is sent, and what a deflated file unfolds to."""

    max_pixels: int = 50_000_000
    """One frame, decoded. A digital radiograph has 9 to 16 million."""

    claim: Callable[[int], None] = field(default=lambda _: None, compare=False, repr=False)
    """Called with the bytes that a frame may take before any are taken; it may refuse them."""

    def check_size(self, height: int, width: int) -> None:
        """Refuse a frame before anything is allocated for it.

        Raises: InvalidImage, ImageTooLarge, and what `claim` raises.
        """
        if height < 1 or width < 1:
            raise InvalidImage(f"the image is {height} x {width} pixels: it has none")
        if height * width > self.max_pixels:
            raise ImageTooLarge(
                f"the image is {height} x {width} pixels; the limit is {self.max_pixels} in all"
            )
        self.claim(_BYTES_PER_PIXEL * height * width)


LIMITS = Limits()
"""Those of a service that is told nothing else."""
