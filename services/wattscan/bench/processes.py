"""Child processes that end with this one."""

from __future__ import annotations

import ctypes
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from wattscan.contracts import WattscanError

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 15.0


class Child:
    """A child process: lines on its standard output, its log in a file.

    It has a session of its own, so that a Ctrl-C reaches it through `stop` alone.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str]
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._env = env
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def start(self) -> None:
        """Start it."""
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=dict(self._env),
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        threading.Thread(target=self._read, name=f"output of {self.name}", daemon=True).start()

    def line(self, timeout: float | None = None) -> str | None:
        """The next line of its output, within `timeout` seconds; None when there will be none.

        Raises: TimeoutError.
        """
        try:
            return self._lines.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None

    def failure(self) -> WattscanError:
        """Why it ended early: its exit code and the last line of its log."""
        code = self._process.wait() if self._process else None
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return WattscanError(f"{self.name} was ended by {name}; its log is {self._log}")
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = lines[-1] if lines else "its log is empty"
        return WattscanError(f"{self.name} has ended early (exit code {code}): {last}")

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout: float) -> int:
        """Wait for its end; returns its exit code, after ending it if it took too long."""
        assert self._process is not None  # noqa: S101
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            return self._process.returncode

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self._process is None:
            return
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


def _end_with_parent() -> None:
    # Even a killed bench leaves nothing behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_as_interrupted() -> None:
    """Have SIGTERM, and the end of the terminal, end this process in order, as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, signal.default_int_handler)
