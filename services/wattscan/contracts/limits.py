"""Limits on what a sender may make a service decode."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.contracts.errors import ImageTooLarge, InvalidImage


@dataclass(frozen=True)
class Limits:
    """What is taken. The defaults suit a workstation's radiographs; small boards take less."""

    max_bytes: int = 64 * 1024 * 1024
    """A file or a tensor as it is sent, and what a deflated file unfolds to."""

    max_pixels: int = 50_000_000
    """One frame, decoded. A digital radiograph has 9 to 16 million."""

    def check_size(self, height: int, width: int) -> None:
        """Refuse a frame before anything is allocated for it.

        Raises: InvalidImage, ImageTooLarge.
        """
        if height < 1 or width < 1:
            raise InvalidImage(f"the image is {height} x {width} pixels: it has none")
        if height * width > self.max_pixels:
            raise ImageTooLarge(
                f"the image is {height} x {width} pixels; the limit is {self.max_pixels} in all"
            )


LIMITS = Limits()
"""Those of a service that is told nothing else."""
