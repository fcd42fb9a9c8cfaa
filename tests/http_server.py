"""An HTTP server on 127.0.0.1, for as long as a test needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase


@contextmanager
def http_server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Answers each GET and POST with that function; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def do_POST(self):
            answer(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def respond(
    handler: BaseHTTPRequestHandler,
    write: Callable[[BufferedIOBase], object],
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
) -> None:
    """Send a head, and then what `write` writes; whoever asked may have gone."""
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    with suppress(OSError):
        handler.end_headers()
        write(handler.wfile)
