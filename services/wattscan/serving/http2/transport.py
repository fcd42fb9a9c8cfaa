"""Bytes in and out of a connection, plain or through TLS. One thread reads, any may write."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Sequence
from typing import Protocol, TypeAlias

from wattscan.units import Seconds

Part: TypeAlias = bytes | memoryview

# A peer that takes no byte for so long is gone, or means harm.
_SEND_PATIENCE = 60
_HANDSHAKE_PATIENCE = Seconds(10.0)
_IDLE, _PROBES_APART, _PROBES = 120, 15, 4  # s, s: of TCP's own keep-alive
_RECORD = 64 * 1024
_MOST_PARTS = 256  # of one sendmsg; Linux takes 1024


class Transport(Protocol):
    """What a connection reads and writes. Everything raises OSError when the peer is gone."""

    def read_into(self, view: memoryview) -> int:
        """Some bytes, as soon as there are any; 0: the peer has ended."""
        ...

    def fill(self, view: memoryview) -> None:
        """All of them. Raises: EOFError."""
        ...

    def write(self, parts: Sequence[Part]) -> None:
        """All of them, in order. One thread at a time."""
        ...

    def end(self) -> None:
        """Nothing more will be written: what was, arrives."""
        ...

    def close(self) -> None:
        """Let go of the socket; whoever reads or writes is woken."""
        ...


def open_transport(sock: socket.socket, tls: ssl.SSLContext | None) -> Transport:
    """Raises: OSError: no TLS handshake within its time, or one that fails."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _IDLE), ("TCP_KEEPINTVL", _PROBES_APART), ("TCP_KEEPCNT", _PROBES),
    ):  # fmt: skip
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if tls is None:
        _limit_sending(sock)
        return Plain(sock)
    sock.settimeout(_HANDSHAKE_PATIENCE)
    secure = Secure(sock, tls)
    sock.settimeout(None)
    _limit_sending(sock)
    return secure


def _limit_sending(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", _SEND_PATIENCE, 0))


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


class Plain:
    """As it is."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read_into(self, view: memoryview) -> int:
        """See `Transport`."""
        return self._sock.recv_into(view)

    def fill(self, view: memoryview) -> None:
        """See `Transport`."""
        # In the kernel until all is there: else each few segments would wake us.
        while view:
            count = self._sock.recv_into(view, len(view), socket.MSG_WAITALL)
            if not count:
                raise EOFError
            view = view[count:]

    def write(self, parts: Sequence[Part]) -> None:
        """See `Transport`."""
        for begin in range(0, len(parts), _MOST_PARTS):
            some = parts[begin : begin + _MOST_PARTS]
            sent = self._sock.sendmsg(some)
            if sent < sum(map(len, some)):
                self._sock.sendall(memoryview(b"".join(some))[sent:])

    def end(self) -> None:
        """See `Transport`."""
        _end(self._sock)

    def close(self) -> None:
        """See `Transport`."""
        _close(self._sock)


class Secure:
    """Through TLS. OpenSSL's state is one for both ways: it is locked, the socket is not."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._shake_hands()

    def read_into(self, view: memoryview) -> int:
        """See `Transport`."""
        while True:
            with self._lock:
                try:
                    return self._tls.read(len(view), view)  # type: ignore[call-overload, no-any-return]
                except ssl.SSLWantReadError:
                    pass
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return 0
                owed = self._out.pending
            if owed:  # such as the answer to a request for new keys
                self._flush()
            self._receive()

    def fill(self, view: memoryview) -> None:
        """See `Transport`."""
        while view:
            count = self.read_into(view)
            if not count:
                raise EOFError
            view = view[count:]

    def write(self, parts: Sequence[Part]) -> None:
        """See `Transport`."""
        for part in parts:
            if len(part):
                with self._lock:
                    self._tls.write(part)  # into memory: all of it
        self._flush()

    def end(self) -> None:
        """See `Transport`."""
        with contextlib.suppress(OSError):
            with self._lock, contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self._flush()
        _end(self._sock)

    def close(self) -> None:
        """See `Transport`."""
        _close(self._sock)

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
                if self._in.eof and not self._in.pending:
                    raise ConnectionResetError from None
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # it says what is wrong
                    self._flush()
                raise
            else:
                self._flush()
                return

    def _flush(self) -> None:
        with self._sending:
            with self._lock:
                data = self._out.read()
            if data:
                self._sock.sendall(data)

    def _receive(self) -> None:
        data = self._sock.recv(_RECORD)
        with self._lock:
            if data:
                self._in.write(data)
            else:
                self._in.write_eof()
