"""A lock on a run's folder: two processes that write one recording spoil it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wattscan.contracts import WattscanError

_FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While inside, no other process may write to the run; however this one ends, the kernel then
    releases the lock.

    Raises:
        WattscanError: another process has it, so the run is still going on.
        OSError: the folder cannot be written to, or its disk has no locks.
    """
    # A file of its own: NFS locks no folder, and `run.json` is replaced.
    with (folder / _FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WattscanError(
                f"the run in {folder} is still going on: wait for its end, or end it with Ctrl-C "
                "where it was started"
            ) from None
        yield
