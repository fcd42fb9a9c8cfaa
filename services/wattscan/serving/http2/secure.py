"""Bytes in and out of a connection through TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any

from wattscan.serving.http2.transport import Part, Wire
from wattscan.units import Seconds

_HANDSHAKE_PATIENCE = Seconds(10.0)
_RECORDS = 64 * 1024  # bytes that are read at once
_PENDING = 1024 * 1024  # bytes that are encrypted ahead of the socket


class Secure(Wire):
    """A transport. OpenSSL's state is one for both ways: it is locked, the socket is not.

    Raises: OSError: no handshake within its time, or one that fails.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._state = threading.Lock()
        self._sending = threading.Lock()
        self._shake_hands(time.monotonic() + _HANDSHAKE_PATIENCE)

    def read_into(self, view: memoryview) -> int:
        """See `Transport`."""
        while True:
            with self._state:
                try:
                    count: Any = self._tls.read(len(view), view)
                    return int(count)
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

    def read_parts(self, views: Sequence[memoryview]) -> int:
        """See `Transport`."""
        count = self.read_into(views[0])
        if not count:
            raise EOFError
        return count

    def write(self, parts: Sequence[Part]) -> None:
        """See `Transport`."""
        for part in parts:
            rest = memoryview(part)
            while rest:
                with self._state:
                    rest = rest[self._tls.write(rest[:_PENDING]) :]
                    pending = self._out.pending
                if pending >= _PENDING:
                    self._flush()
        self._flush()

    def end(self) -> None:
        """See `Transport`."""
        self._part()
        self.shut(socket.SHUT_WR)

    def linger(self) -> None:
        """See `Transport`."""
        self._part()
        super().linger()

    def _part(self) -> None:
        """Say that nothing more comes, so that it is told from a connection that is cut off."""
        with contextlib.suppress(OSError):
            with self._state, contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self._flush()

    def _shake_hands(self, deadline: float) -> None:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # it says what is wrong
                    self._flush()
                raise
            else:
                self._flush()
                self.sock.settimeout(None)
                return

    def _flush(self) -> None:
        with self._sending:
            with self._state:
                data = self._out.read()
            if data:
                self.sock.sendall(data)

    def _receive(self) -> None:
        data = self.sock.recv(_RECORDS)
        with self._state:
            if data:
                self._in.write(data)
            else:
                self._in.write_eof()
