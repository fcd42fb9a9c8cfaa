"""Says on standard error which step takes long, and how long it has taken so far."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wattscan.units import Seconds

_FIRST, _EVERY = Seconds(3.0), Seconds(5.0)


@contextmanager
def told_when_slow(what: str) -> Iterator[None]:
    """Say that the step `what` goes on: after three seconds, then every five until it ends."""
    begin, done = time.monotonic(), threading.Event()

    def tell() -> None:
        pause = _FIRST
        while not done.wait(pause):
            pause = _EVERY
            print(f"{what} ... {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
