"""The threads that requests run in."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

_T = TypeVar("_T")


class RequestThreads(Executor):
    """A pool whose last idle thread is the first to work again: its stack and its memory are still
    in the processor's caches.

    The standard library's pool takes them in turn, and wakes several for each call.

    Args:
        most: threads; more calls than that wait.
        name: of the threads, with a number behind it.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []
        self._waiting: deque[tuple[Future[Any], Callable[[], None]]] = deque()
        self._threads: list[_Thread] = []
        self._ended = False

    def submit(self, call: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Have a thread call it. Raises: RuntimeError, after `shutdown`."""
        future: Future[_T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = call(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

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
                self._waiting.append((future, work))
        return future

    def next_for(self, thread: _Thread) -> bool:
        """The thread is free: give it the next call, or let it sleep; False: it is to end."""
        with self._lock:
            if self._waiting:
                thread.give(self._waiting.popleft()[1])
            elif self._ended:
                return False
            else:
                self._idle.append(thread)
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no calls any more; those that wait are still served, unless they are cancelled."""
        with self._lock:
            self._ended = True
            cancelled = list(self._waiting) if cancel_futures else []
            idle, self._idle = self._idle, []
            for thread in idle:
                thread.give(None)
        for future, _ in cancelled:
            future.cancel()
        if wait:
            for thread in self._threads:
                thread.join()


class _Thread(threading.Thread):
    """Sleeps until it is given a call; ends when it is given none."""

    def __init__(self, pool: RequestThreads, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._pool = pool
        self._work: Callable[[], None] | None = work
        self._given = threading.Lock()

    def give(self, work: Callable[[], None] | None) -> None:
        """Wake it with a call. Only its first call, and when it is idle."""
        self._work = work
        self._given.release()

    def run(self) -> None:
        """Until it is told to end."""
        self._given.acquire()
        while self._work is not None:
            self._work()
            self._work = None  # let go of the request
            if not self._pool.next_for(self):
                return
            self._given.acquire()
