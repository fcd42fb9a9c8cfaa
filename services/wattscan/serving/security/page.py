"""The metrics page, over TLS where there is some. No connection holds up another one.

`prometheus_client.start_http_server` shakes hands in the thread that accepts, without a limit: who
connects and says nothing stops the page, and the server's end; and it keeps its first certificate.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from http import HTTPStatus
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from wattscan.serving.security.tls import Renewal, TlsFiles

_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.1
_METHODS = ("GET", "HEAD", "OPTIONS")

log = logging.getLogger(__name__)


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE_SECONDS  # for the handshake, too

    def parse_request(self) -> bool:
        """Whether it is one to answer. The page's own refusal would quote the method."""
        if not super().parse_request():
            return False
        if self.command not in _METHODS:
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)
            return False
        return True

    def log_message(self, *_words: object) -> None:
        """Nothing: the words are a client's."""

    def send_error(self, code: int, *_words: object) -> None:
        """Of what is no HTTP; the standard library would quote it."""
        super().send_error(code)


class Page(ThreadingMixIn, WSGIServer):
    """A WSGI server with a thread for each connection, on one address.

    Raises: OSError, if it cannot listen there.
    """

    daemon_threads = True

    def __init__(self, address: str, port: int, tls: TlsFiles | None) -> None:
        family, *_, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        self.address_family = family
        self._context = tls.context() if tls is not None else None
        self._tls = tls
        self._renewal = Renewal(tls) if tls is not None else None
        super().__init__((str(place[0]), port), _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        """The next connection. It shakes hands when its own thread reads from it."""
        try:
            connection, address = super().get_request()
        except OSError:
            time.sleep(_PAUSE_SECONDS)  # no descriptor is free: or this loop takes a core
            raise
        context = self._renewed_context()
        if context is not None:
            connection = context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, _request: object, _address: object) -> None:
        """The standard library would print a traceback, which may quote a client."""
        log.debug("a connection to the metrics page failed")

    def _renewed_context(self) -> ssl.SSLContext | None:
        if self._renewal is not None and self._tls is not None:
            self._context = self._renewal.take(self._tls.context) or self._context
        return self._context


def open_page(
    address: str, port: int, registry: CollectorRegistry, tls: TlsFiles | None
) -> tuple[WSGIServer, Thread]:
    """Serve the registry from a thread of its own. Port 0 takes a free one. Raises: OSError."""
    page = Page(address, port, tls)
    page.set_app(make_wsgi_app(registry))
    thread = Thread(target=page.serve_forever, name="metrics page", daemon=True)
    thread.start()
    return page, thread
