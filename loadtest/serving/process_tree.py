"""A process and all that descend from it: their processor time, their memory, their end."""

from __future__ import annotations

import contextlib
import ctypes
import signal
from collections.abc import Iterable

import psutil

_PATIENCE = 15.0
"""Seconds that a server gets to stop by itself."""
_PR_SET_PDEATHSIG = 1


def members(root: int) -> list[psutil.Process]:
    """The root first; empty if it is gone."""
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(root: int) -> dict[int, float]:
    """Processor time, in user and kernel mode, of each process."""
    found = {}
    for process in members(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def resident_bytes(root: int) -> int:
    """Resident memory; pages that processes share count once (PSS)."""
    total = 0
    for process in members(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total


def pause(root: int) -> None:
    """Stop all of them where they are."""
    _signal(members(root), signal.SIGSTOP)


def resume(root: int) -> None:
    """Let all of them go on."""
    _signal(reversed(members(root)), signal.SIGCONT)


def end(root: int) -> None:
    """SIGTERM to the root; after a while, SIGKILL to whatever is left of the tree."""
    tree = members(root)
    _signal(reversed(tree), signal.SIGCONT)
    _signal(tree[:1], signal.SIGTERM)
    psutil.wait_procs(tree[:1], timeout=_PATIENCE)
    _, left = psutil.wait_procs(tree, timeout=2.0)
    _signal(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=2.0)


def end_with_parent() -> None:
    """For a child, before it becomes another program: the kernel ends it with its parent."""
    # SIGKILL, for a paused process would not see any other.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
