"""What a run is doing, how far it is and how long it still takes, on standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO

from wattscan.profiles import PHASE_TITLES

_EVERY_SECONDS = 1.0


class Progress:
    """A line a phase; on a terminal, one that counts, instead."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._lock = threading.Lock()
        self._phase: Mapping[str, Any] | None = None
        self._since = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to count."""
        if self._live:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def say(self, text: str) -> None:
        """A line of its own."""
        with self._lock:
            print(f"\r\033[K{text}" if self._live else text, file=self._stream, flush=True)

    def phase(self, event: Mapping[str, Any], left: float) -> None:
        """A phase has begun; `left` seconds, at most, until the run's end."""
        with self._lock:
            self._phase, self._since, self._left = event, time.monotonic(), left
        if self._live:
            self._draw()
        else:
            self.say(self._text(0.0))

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if self._phase is None:
                return
            elapsed = time.monotonic() - self._since
            text = self._text(elapsed)
            self._stream.write(f"\r\033[K{text}")
            self._stream.flush()

    def _text(self, elapsed: float) -> str:
        p = self._phase or {}
        variant = f"{p['task']} {p['precision'].upper()}".rstrip()
        timing = f"{p['seconds']:.0f} s"
        if self._live:
            timing = f"{min(elapsed, p['seconds']):.0f} of {timing}"
        return (
            f"[window {p['window']} of {p['of']}] {variant}, repeat "
            f"{p['repeat']}: {PHASE_TITLES[p['phase']]}, {timing}; "
            f"at most {duration(max(0.0, self._left - elapsed))} left"
        )


def duration(seconds: float) -> str:
    """Such as `75 s`, `12 min` or `3 h 20 min`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
