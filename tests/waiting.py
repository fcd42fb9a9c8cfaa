"""How tests wait for something that another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[..., T], seconds: float = 30, why: Callable[[], object] | None = None
) -> T:
    """Wait until the condition gives something true, and return that.

    After so many seconds the test fails with what `why` says: a bound on hangs, not on speed.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, why() if why else "what was waited for did not happen"
        time.sleep(0.005)
    return found
