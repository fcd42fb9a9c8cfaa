"""The threads that engines compute in."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

_Work: TypeAlias = Callable[[], object]

_NICEST = 19

log = logging.getLogger(__name__)


class RequestThreads:
    """A pool whose last idle thread is the first to work again: its stack and its memory are still
    in the processor's caches.

    The standard library's pool takes them in turn, wakes several for each call, and makes a future
    of each, which nobody here waits for.

    Args:
        most: threads; more calls than that wait.
        name: of the threads, with a number behind it.
        niceness: how much more than the process's other threads they give way. On Linux only:
            elsewhere it belongs to whole processes.
    """

    def __init__(self, most: int, name: str, niceness: int = 0) -> None:
        self._most = most
        self._name = name
        self.niceness = niceness
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []
        self._waiting: deque[_Work] = deque()
        self._threads: list[_Thread] = []
        self._ended = False

    def submit(self, work: _Work) -> None:
        """Have a thread call it. Raises: RuntimeError, after `shutdown`."""
        with self._lock:
            if self._ended:
                raise RuntimeError("the pool takes no calls any more")
            if self._idle:
                self._idle.pop().give(work)
            elif len(self._threads) < self._most:
                thread = _Thread(self, f"{self._name}_{len(self._threads)}", work)
                thread.start()
                self._threads.append(thread)
            else:
                self._waiting.append(work)

    def next_for(self, thread: _Thread) -> bool:
        """The thread is free: give it the next call, or let it sleep; False: it is to end."""
        with self._lock:
            if self._waiting:
                thread.give(self._waiting.popleft())
            elif self._ended:
                return False
            else:
                self._idle.append(thread)
        return True

    def shutdown(self, wait: bool = True, cancel: bool = False) -> None:
        """Take no calls any more; those that wait are still served, unless they are cancelled."""
        with self._lock:
            self._ended = True
            if cancel:
                self._waiting.clear()
            idle, self._idle = self._idle, []
            for thread in idle:
                thread.give(None)
        if wait:
            for thread in self._threads:
                thread.join()


class _Thread(threading.Thread):
    """Sleeps until it is given a call; ends when it is given none."""

    def __init__(self, pool: RequestThreads, name: str, work: _Work) -> None:
        super().__init__(name=name, daemon=True)
        self._pool = pool
        self._work: _Work | None = work
        self._given = threading.Lock()

    def give(self, work: _Work | None) -> None:
        """Wake it with a call. Only its first call, and when it is idle."""
        self._work = work
        self._given.release()

    def run(self) -> None:
        """Until it is told to end."""
        self._give_way(self._pool.niceness)
        self._given.acquire()
        while self._work is not None:
            try:
                self._work()
            except BaseException as error:  # it ends no thread
                # The type only: the text may quote what a client sent.
                log.error("a call failed: %s", type(error).__name__)
            self._work = None  # let go of the request
            if not self._pool.next_for(self):
                return
            self._given.acquire()

    def _give_way(self, by: int) -> None:
        if by and sys.platform == "linux":
            me = (os.PRIO_PROCESS, threading.get_native_id())
            with contextlib.suppress(OSError):  # a sandbox may forbid it: then it is as the others
                os.setpriority(*me, min(os.getpriority(*me) + by, _NICEST))
