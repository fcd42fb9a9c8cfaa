"""How much memory is left: a message is refused before the kernel would end the process for it."""

from __future__ import annotations

import contextlib
import ctypes
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from wattscan.serving.errors import MemoryShort

_FRESH_SECONDS = 0.05
_AMPLE = 2
"""Times as much as is needed: with less, nobody relies on an earlier reading."""

_CLAIM_SECONDS = 0.25
"""After which what was claimed has been taken, and shows in a reading."""

_RETRY_SECONDS = 1.0
_TRIM_SECONDS = 0.5
_UNLIMITED = 1 << 60
"""A control group of version 1 without a limit has a number near 2^63."""

# Of version 2 and of version 1: its limit, what it uses, and of that what the kernel can drop.
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


class Memory:
    """What the machine, and the control groups that this process is in, have left.

    On Linux: `/proc/meminfo` ("MemAvailable") and the memory controller of cgroups, version 1 or 2.
    Elsewhere it is not known. Thread-safe; a reading serves for 50 ms.
    """

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        """`root`: of the file system, for tests."""
        self._meminfo = root / "proc/meminfo"
        self._groups = [*_groups(root)]
        self._clock = clock
        self._read: tuple[float, int | None] = -math.inf, None
        self._trimmed = -math.inf
        self._claims: dict[int, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def left(self, needed: int = 0) -> int | None:
        """Bytes; None where nothing tells. Where less than `needed` is left, what was freed, and
        only kept at hand, is given back first."""
        now = self._clock()
        read, left = self._read
        if now - read > _FRESH_SECONDS or (left is not None and left < _AMPLE * needed):
            left = self._found()
            if left is not None and left < needed and now - self._trimmed > _TRIM_SECONDS:
                self._trimmed = now
                _trim()
                left = self._found()
            self._read = now, left
        return left

    def _found(self) -> int | None:
        found = [self._available(), *(_left_of_group(folder) for folder in self._groups)]
        return min((each for each in found if each is not None), default=None)

    def claim(self, needed: int) -> None:
        """Bytes that this thread is about to take for its request; the most that it has claimed
        since `release` counts. Raises: MemoryShort."""
        left = self.left(needed)
        if left is None:
            return
        with self._lock:
            now = self._clock()
            mine = self._claims.pop(threading.get_ident(), (now, 0))[1]
            fresh = (size for since, size in self._claims.values() if now - since < _CLAIM_SECONDS)
            left -= sum(fresh)
            if left < needed:
                raise short(left, needed)
            self._claims[threading.get_ident()] = now, max(mine, needed)

    def release(self) -> None:
        """What this thread has claimed: its request is over."""
        with self._lock:
            self._claims.pop(threading.get_ident(), None)

    def _available(self) -> int | None:
        kilobytes = _counted(self._meminfo, "MemAvailable:")
        return None if kilobytes is None else 1024 * kilobytes


def _trim() -> None:
    """Has glibc give the kernel what nobody uses; other C libraries do so by themselves."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def short(left: int, needed: int) -> MemoryShort:
    """What a client is told."""
    return MemoryShort(
        f"the server has {max(0, left) >> 20} MiB of memory left, and this may take "
        f"{needed >> 20}: send it again later",
        _RETRY_SECONDS,
    )


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's groups and of those that they are in."""
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top = mount
        elif "memory" in controllers.split(","):
            top = mount / "memory"
        else:
            continue
        folder = top / path.strip("/")
        # In a container the path may be the host's, and only the top be there.
        yield from (each for each in (folder, *folder.parents) if each.is_relative_to(top))


def _left_of_group(folder: Path) -> int | None:
    for limit_name, used_name, droppable in _GROUP_FILES:
        limit, used = _number(folder / limit_name), _number(folder / used_name)
        if limit is not None and used is not None and limit < _UNLIMITED:
            return limit - used + (_counted(folder / "memory.stat", droppable) or 0)
    return None


def _number(path: Path) -> int | None:
    """None also for `max`, which is none."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _counted(path: Path, name: str) -> int | None:
    """The number behind a name, of a line each."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.split()[0] == name), None)
    except (OSError, ValueError, IndexError):
        return None
