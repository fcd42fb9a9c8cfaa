"""Says on standard error what takes long, and for how long it has taken."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wattscan.units import Seconds

_FIRST, _EVERY = Seconds(3.0), Seconds(5.0)


@contextmanager
def slowly(what: str) -> Iterator[None]:
    """While inside: after three seconds, and every five from then on, say that `what` goes on."""
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
