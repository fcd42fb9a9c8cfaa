"""Bytes in and out of a connection. One thread reads, any may write."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Sequence
from typing import Protocol, TypeAlias

from wattscan.units import Seconds

Part: TypeAlias = bytes | memoryview

# A peer that takes no byte for so long is gone, or means harm.
_SEND_PATIENCE = 60
# Nor does one come that says nothing at all.
_BEGIN_PATIENCE = Seconds(20.0)
# So long a peer that broke the protocol may read why.
_LINGER = Seconds(0.5)
_IDLE, _PROBES_APART, _PROBES = 120, 15, 4  # s, s: of TCP's own keep-alive
_AT_ONCE = 64 * 1024
_MOST_PARTS = 256  # of one sendmsg; Linux takes 1024


class Transport(Protocol):
    """What a connection reads and writes. Everything raises OSError when the peer is gone."""

    def read_into(self, view: memoryview) -> int:
        """Some bytes, as soon as there are any; 0: the peer has ended."""
        ...

    def fill(self, view: memoryview) -> None:
        """All of them. Raises: EOFError."""
        ...

    def read_parts(self, views: Sequence[memoryview]) -> int:
        """Some bytes, as soon as there are any, one view after the other. Raises: EOFError."""
        ...

    def write(self, parts: Sequence[Part]) -> None:
        """All of them, in order. One thread at a time."""
        ...

    def limit_reading(self, limited: bool) -> None:
        """Whether reading fails, where nothing comes for long."""
        ...

    def end(self) -> None:
        """Nothing more will be written: what was, arrives."""
        ...

    def linger(self) -> None:
        """The same, and read what else comes: closed before that, it might not arrive."""
        ...

    def shut(self) -> None:
        """Wake whoever reads or writes, from any thread; both then fail."""
        ...

    def close(self) -> None:
        """Let go of the socket, when nobody reads or writes any more."""
        ...


def prepare(sock: socket.socket) -> None:
    """Raises: OSError: the peer is gone already."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _IDLE), ("TCP_KEEPINTVL", _PROBES_APART), ("TCP_KEEPCNT", _PROBES),
    ):  # fmt: skip
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    _limit(sock, socket.SO_SNDTIMEO, _SEND_PATIENCE)


def _limit(sock: socket.socket, option: int, seconds: float) -> None:
    """How long the kernel waits; 0: for ever. Unlike `settimeout`, it is for one way only."""
    whole = int(seconds)
    sock.setsockopt(
        socket.SOL_SOCKET, option, struct.pack("@ll", whole, int((seconds - whole) * 1e6))
    )


class Wire:
    """The socket. Only who reads closes it, when nobody writes any more: a number that is free
    may be the next client's a moment later, and a writer who is late would write to that one."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._lock = threading.Lock()

    def shut(self, how: int = socket.SHUT_RDWR) -> None:
        """See `Transport`."""
        with self._lock, contextlib.suppress(OSError):
            self.sock.shutdown(how)

    def close(self) -> None:
        """See `Transport`."""
        with self._lock:
            self.sock.close()

    def limit_reading(self, limited: bool) -> None:
        """See `Transport`."""
        _limit(self.sock, socket.SO_RCVTIMEO, _BEGIN_PATIENCE if limited else 0)

    def linger(self) -> None:
        """See `Transport`."""
        self.shut(socket.SHUT_WR)
        end = time.monotonic() + _LINGER
        with contextlib.suppress(OSError):
            _limit(self.sock, socket.SO_RCVTIMEO, _LINGER)
            while time.monotonic() < end and self.sock.recv(_AT_ONCE):
                pass


class Plain(Wire):
    """As it is."""

    def read_into(self, view: memoryview) -> int:
        """See `Transport`."""
        return self.sock.recv_into(view)

    def fill(self, view: memoryview) -> None:
        """See `Transport`."""
        # In the kernel until all is there: else each few segments would wake us.
        while view:
            count = self.sock.recv_into(view, len(view), socket.MSG_WAITALL)
            if not count:
                raise EOFError
            view = view[count:]

    def read_parts(self, views: Sequence[memoryview]) -> int:
        """See `Transport`."""
        count = self.sock.recvmsg_into(views)[0]
        if not count:
            raise EOFError
        return count

    def write(self, parts: Sequence[Part]) -> None:
        """See `Transport`."""
        for begin in range(0, len(parts), _MOST_PARTS):
            some = parts[begin : begin + _MOST_PARTS]
            sent = self.sock.sendmsg(some)
            if sent < sum(map(len, some)):
                self.sock.sendall(memoryview(b"".join(some))[sent:])

    def end(self) -> None:
        """See `Transport`."""
        self.shut(socket.SHUT_WR)
