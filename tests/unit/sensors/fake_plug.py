"""A plug on 127.0.0.1, and how its drivers' tests ask for a failure's reason."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wattscan.contracts import SensorFailed


class Plug(ThreadingHTTPServer):
    """Answers every request with `status` and `body`; `hang` holds an answer back."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, document, port=0):
        super().__init__(("127.0.0.1", port), Answer)
        self.status, self.paths, self.headers = 200, [], {}
        self.document = document
        self.hang = threading.Event()
        self.hang.set()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def host(self):
        return f"127.0.0.1:{self.server_port}"

    @property
    def document(self):
        return json.loads(self.body)

    @document.setter
    def document(self, document):
        self.body = json.dumps(document).encode()

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.hang.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


class Answer(BaseHTTPRequestHandler):
    server: Plug

    def do_GET(self):
        self.server.paths.append(self.path)
        self.server.hang.wait(5)
        try:
            self.send_response(self.server.status)
            for name, value in self.server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(self.server.body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def reason(read):
    """Why it fails. A log is read by others than the network's owner: no address is in it."""
    with pytest.raises(SensorFailed) as caught:
        read()
    assert "127.0.0.1" not in str(caught.value)
    return caught.value.reason
