"""Accepts connections, and has each served by a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from math import inf
from typing import Any, TypeAlias

from wattscan.units import Seconds

Serve: TypeAlias = Callable[[socket.socket, str], None]

_BACKLOG = 4096  # the kernel has its own limit
_PAUSE = Seconds(0.1)
_TOLD_EVERY = Seconds(60.0)

log = logging.getLogger(__name__)


class Listener:
    """From its making, connections wait; from `start` on they are served.

    Args:
        sock: a bound socket.
        serve: is called with a connection, and who is at its other end.
        most: connections at once; more are closed, and the log says so.
    """

    def __init__(self, sock: socket.socket, serve: Serve, most: int) -> None:
        sock.listen(_BACKLOG)
        self._sock = sock
        self._serve = serve
        self._most = most
        self._told = -inf
        self._stopping = False
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._thread = threading.Thread(target=self._run, name="accept", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no more."""
        self._stopping = True
        try:
            # A thread in accept is woken by this, and by nothing else.
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._sock.close()  # where a listening socket cannot be shut down (macOS)

    def _run(self) -> None:
        while not self._stopping:
            try:
                sock, address = self._sock.accept()
            except OSError:
                # Of one connection, or no descriptor is free; without a pause this takes a core.
                if not self._stopping:
                    time.sleep(_PAUSE)
                continue
            self._begin(sock, _peer(sock.family, address))
        self._sock.close()

    def _begin(self, sock: socket.socket, peer: str) -> None:
        thread = threading.Thread(
            target=self._work, args=(sock, peer), name="connection", daemon=True
        )
        if not self._has_room():
            sock.close()
            return
        with self._lock:
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # there cannot be more of them
            sock.close()
            self._forget(thread)

    def _has_room(self) -> bool:
        """For one more."""
        if len(self._threads) < self._most:
            return True
        now = time.monotonic()
        if now - self._told >= _TOLD_EVERY:
            self._told = now
            log.warning("%d connections are open: another one is refused", self._most)
        return False

    def _work(self, sock: socket.socket, peer: str) -> None:
        try:
            self._serve(sock, peer)
        except OSError:
            pass  # it has gone, or speaks no TLS
        except Exception as error:
            # The type only: the text may quote what a client sent.
            log.error("a connection failed: %s", type(error).__name__)
        finally:
            with contextlib.suppress(OSError):
                sock.close()
            self._forget(threading.current_thread())

    def _forget(self, thread: threading.Thread) -> None:
        with self._lock:
            self._threads.discard(thread)


def _peer(family: int, address: Any) -> str:
    """As gRPC writes it: `ipv4:127.0.0.1:5000`, `ipv6:[::1]:5000`."""
    host, port = address[:2]
    if family == socket.AF_INET6 and not host.startswith("::ffff:"):
        return f"ipv6:[{host}]:{port}"
    return f"ipv4:{host.removeprefix('::ffff:')}:{port}"
