"""Scrapes `/metrics` pages into one file of OpenMetrics text with timestamps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TextIO
from urllib.error import URLError

from wattscan.addresses import fetch
from wattscan.bench.resume import reopen
from wattscan.client.connection import Tls
from wattscan.contracts import WattscanError
from wattscan.metrics import SCRAPE_DURATION

_ACCEPT = {"Accept": "application/openmetrics-text; version=1.0.0"}
_TIMEOUT_SECONDS = 5.0
_TICK_SECONDS = 0.05


@dataclass
class ScrapedPage:
    """A page to scrape every `interval` seconds, and the labels that its series get."""

    url: str
    job: str
    instance: str
    interval: float
    tls: Tls | None = None
    last: float = field(default=0.0)
    due: float = field(default=0.0)


class Recorder:
    """Scrapes each page at its interval, and all when it is told to. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pages: list[ScrapedPage] = []
        self._file: TextIO | None = None
        self._failure: OSError | None = None
        self._described: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Open the file, or go on with the one that is there, and begin. Raises: OSError."""
        if self.path.exists():
            reopen(self.path)
            with self.path.open(encoding="utf-8", errors="replace") as before:
                # A family is described once in a file.
                self._described = {line.rstrip("\n") for line in before if line.startswith("#")}
        self._file = self.path.open("a", encoding="utf-8")
        self._thread.start()

    def add(self, page: ScrapedPage) -> None:
        """Scrape this page too, from now on."""
        with self._lock:
            self._pages.append(page)

    def scrape(self) -> None:
        """Scrape every page once, now. Raises: OSError, also one from before."""
        if self._failure is not None:
            raise self._failure
        with self._lock:
            for page in self._pages:
                self._scrape(page)

    def stop(self, complete: bool) -> None:
        """End. Only a complete run gets the mark that says so."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            if self._file is not None:
                # What cannot be written any more is missed by whoever reads it.
                with suppress(OSError):
                    if complete:
                        self._file.write("# EOF\n")
                    self._file.close()
                self._file = None

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                self._scrape_due()
            except OSError as error:  # the disk is full, say: told at the next edge
                self._failure = error
                return

    def _scrape_due(self) -> None:
        with self._lock:
            for page in self._pages:
                if time.monotonic() >= page.due:
                    page.due = max(page.due + page.interval, time.monotonic())
                    self._scrape(page)

    def _scrape(self, page: ScrapedPage) -> None:
        if self._file is None:
            return
        # Whole milliseconds, never the same twice: a stored series needs both.
        now = page.last = max(round(time.time(), 3), round(page.last + 0.001, 3))
        labels = f'job="{page.job}",instance="{page.instance}"'
        begun = time.monotonic()
        try:
            handlers = () if page.tls is None else (page.tls.opener(),)
            text = fetch(page.url, *handlers, seconds=_TIMEOUT_SECONDS, headers=_ACCEPT)
        except (URLError, OSError, HTTPException, UnicodeDecodeError, WattscanError):
            text = None
        # As Prometheus tells of each scrape.
        took = time.monotonic() - begun
        self._file.write(f"up{{{labels}}} {0 if text is None else 1} {now:.3f}\n")
        self._file.write(f"{SCRAPE_DURATION}{{{labels}}} {took:.6f} {now:.3f}\n")
        if text is not None:
            self._file.writelines(self._lines(text, labels, now))
        self._file.flush()

    def _lines(self, text: str, labels: str, now: float) -> Iterator[str]:
        for line in text.splitlines():
            if line.startswith("#"):
                if not line.startswith("# EOF") and line not in self._described:
                    self._described.add(line)
                    yield f"{line}\n"
            elif line:
                yield f"{_labelled(line, labels)} {now:.3f}\n"


def _labelled(sample: str, labels: str) -> str:
    """A sample's line with more labels: `name{a="b"} 1` or `name 1`."""
    name, brace, rest = sample.partition("{")
    if brace and " " not in name:
        return f"{name}{{{labels},{rest}" if not rest.startswith("}") else f"{name}{{{labels}{rest}"
    name, _, value = sample.partition(" ")
    return f"{name}{{{labels}}} {value}"
