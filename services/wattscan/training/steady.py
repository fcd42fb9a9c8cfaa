"""The engines of a model, each run as one that serves without a pause.

An engine that takes turns with others image by image finds its caches cold each time, and takes up
to a third more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from wattscan import plugins
from wattscan.artifacts import model_file
from wattscan.contracts import Engine, ModelCard, Tensor, WattscanError
from wattscan.units import Seconds

BLOCK = Seconds(0.1)
"""How long an engine's turn is, at least."""


def opened(
    card: ModelCard, threads: int, say: Callable[[str], None]
) -> Iterator[tuple[str, contextlib.AbstractContextManager[Engine]]]:
    """The model in each backend that opens it here, by its name; `say` is told why one does not."""
    for name in plugins.usable("backends"):
        backend = plugins.backend(name)
        try:
            path = model_file(card, backend.FORMAT).path
            engine = backend.open_engine(path, {"threads": threads})
        except WattscanError as error:
            say(f"{card.name}: without {name}: {error}")
        else:
            yield name, contextlib.closing(engine)


def run_for(engine: Engine, images: Tensor, seconds: Seconds = BLOCK) -> int:
    """Have it compute the images, float32 (N, H, W, C), again and again for so long, and once at
    least; returns how many images that were."""
    count, until = 0, time.monotonic() + seconds
    while not count or time.monotonic() < until:
        engine.infer(images)
        count += len(images)
    return count
