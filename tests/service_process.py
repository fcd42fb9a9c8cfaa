"""How tests start a service: `wattscan serve` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from commands import WATTSCAN


class ServiceProcess:
    """A service that is ready; it listens on free ports unless `ports` names them.

    `ready` is what it printed when it was ready: addresses, target, models. Its standard error
    goes to `log`. `environment` is added to the tests' own.
    """

    def __init__(
        self,
        log: Path,
        *arguments: object,
        command: Sequence[object] = WATTSCAN,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        self.log = log
        grpc_port, metrics_port = ports
        words = [*command, "serve", "--grpc-port", grpc_port, "--metrics-port", metrics_port]
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [*map(str, words), *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=folder,
                env={**os.environ, **(environment or {})},
            )
        self.first_line = self.process.stdout.readline()
        if not self.first_line:
            code = self.process.wait(60)
            raise AssertionError(
                f"it ended with exit code {code} before it was ready: {self.log_text}"
            )
        self.ready = json.loads(self.first_line)

    @property
    def log_text(self) -> str:
        """Its log so far; nothing where the log is a device."""
        return self.log.read_text() if self.log.is_file() else ""

    def end(self, seconds: float = 60) -> int:
        """Send SIGTERM and wait; one that does not end is killed. Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(10)
        finally:
            self.process.stdout.close()
