"""Runs an engine as one that serves without a pause runs.

An engine that takes turns with others image by image finds its caches cold each time, and takes up
to a third more.
"""

from __future__ import annotations

import time

from wattscan.contracts import Engine, Tensor
from wattscan.units import Seconds

BLOCK = Seconds(0.1)
"""How long an engine's turn is, at least."""


def warm_up(engine: Engine, images: Tensor) -> None:
    """Fill the caches."""
    engine.infer(images)


def run_for(engine: Engine, images: Tensor, seconds: Seconds = BLOCK) -> int:
    """Have it compute the images, float32 (N, H, W, C), again and again for so long, and once at
    least; returns how many images that were."""
    count, until = 0, time.monotonic() + seconds
    while not count or time.monotonic() < until:
        engine.infer(images)
        count += len(images)
    return count
