"""A service in a container, as a careful site would run it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from build_images import tag
from podman_engine import podman

HARDENED = (
    "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp",
    "--pids-limit=512", "--memory=1g", "--cpus=2",
)  # fmt: skip
"""Read-only root, no capability, nothing gained by a setuid program, bounds on memory and CPU."""


class Box:
    """A container of one of our images; its ports are on 127.0.0.1 alone."""

    def __init__(
        self, image: str, *options: str, command: Sequence[str] = (), is_service: bool = True
    ) -> None:
        published = ("-p=127.0.0.1::8001", "-p=127.0.0.1::8002") if is_service else ()
        run = ("run", "--detach", *HARDENED, *published, *options, tag(image), *command)
        self.name = podman(*run).stdout.strip()
        self.ready: dict[str, Any] = self._wait_until_ready() if is_service else {}

    @property
    def grpc(self) -> str:
        """HOST:PORT, seen from here."""
        return self._port("8001")

    def page(self) -> str:
        """What the service exports."""
        with urllib.request.urlopen(f"http://{self._port('8002')}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def metrics_address(self) -> str:
        """HOST:PORT of its metrics page, seen from here."""
        return self._port("8002")

    def log(self) -> str:
        """What it has written so far."""
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    def run(self, *command: str, check: bool = True) -> str:
        """What a command in the container prints."""
        done = podman("exec", self.name, *command, check=check)
        return done.stdout + done.stderr

    def stop(self, seconds: int = 40) -> int:
        """SIGTERM; the exit code, or 137 where it had to be killed after so long."""
        podman("stop", "--time", str(seconds), self.name, timeout=seconds + 60)
        return self.wait()

    def wait(self) -> int:
        """Until it has ended: the exit code."""
        return int(podman("wait", self.name).stdout)

    def remove(self) -> None:
        """With all that it had."""
        podman("rm", "--force", "--time", "0", "--volumes", self.name, check=False)

    def _wait_until_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            lines = podman("logs", self.name).stdout.splitlines()
            if lines:
                found: dict[str, Any] = json.loads(lines[0])
                return found
            state = podman("inspect", "--format", "{{.State.Running}}", self.name).stdout.strip()
            assert state == "true", self.log()
            time.sleep(0.1)
        raise AssertionError(f"not ready within a minute:\n{self.log()}")

    def _port(self, inside: str) -> str:
        return podman("port", self.name, inside).stdout.split("\n")[0].strip()
