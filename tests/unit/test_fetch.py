"""A page is read within its time and its size, however it comes."""

import threading
import time
from contextlib import contextmanager

import pytest

from http_server import http_server, respond
from wattscan import addresses


@contextmanager
def page(write):
    with http_server(lambda handler: respond(handler, write)) as address:
        yield f"{address}/metrics"


def drip(stop):
    def write(file):
        while not stop.is_set():
            file.write(b"#")
            file.flush()
            time.sleep(0.05)

    return write


def test_a_page_is_read():
    with page(lambda file: file.write(b"up 1\n")) as url:
        assert addresses.fetch(url) == "up 1\n"


def test_a_page_that_drips_takes_no_longer():
    stop, begun = threading.Event(), time.monotonic()
    with page(drip(stop)) as url, pytest.raises(TimeoutError, match=r"takes more than 0\.4 s"):
        addresses.fetch(url, seconds=0.4)
    stop.set()
    assert time.monotonic() - begun < 10


def test_a_page_without_an_end_takes_no_more_memory(monkeypatch):
    monkeypatch.setattr(addresses, "MOST_PAGE_BYTES", 1_000_000)
    with (
        page(lambda file: [file.write(bytes(100_000)) for _ in range(100)]) as url,
        pytest.raises(OSError, match="it has more than 1 MB"),
    ):
        addresses.fetch(url)
