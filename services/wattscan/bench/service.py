"""The service that a run measures: one that it starts here, or one that runs elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wattscan.bench.page import read_page
from wattscan.bench.processes import Child
from wattscan.bench.record import Record
from wattscan.client.options import tls_of_words
from wattscan.contracts import WattscanError
from wattscan.metrics import TARGET_INFO

# TensorRT builds its engines at the first start.
_START_SECONDS = 1800.0


@dataclass(frozen=True)
class Reached:
    """Where a service answers: `grpc` is host:port, `metrics` its page's address; `target` is what
    it calls its hardware."""

    grpc: str
    metrics: str
    target: str


class MeasuredService(Protocol):
    """What a run needs of it."""

    @property
    def running(self) -> bool:
        """Whether it has not ended, as far as is known."""
        ...

    def start(self) -> Reached:
        """Have it answer. Raises: WattscanError."""
        ...

    def failure(self) -> WattscanError:
        """Why it has ended."""
        ...

    def stop(self) -> None:
        """End it, where it was started."""
        ...


@dataclass(frozen=True)
class Code:
    """The code that serves: an interpreter, and the folder of the package `wattscan` where it is
    not the one that the interpreter has installed."""

    python: str = sys.executable
    services: Path | None = None

    def env(self, env: Mapping[str, str]) -> dict[str, str]:
        """The variables of a process that runs it: its folder comes first on the path."""
        if self.services is None:
            return dict(env)
        former = env.get("PYTHONPATH")
        path = os.pathsep.join([str(self.services), *([former] if former else [])])
        return {**env, "PYTHONPATH": path}


INSTALLED = Code()
"""That of this process."""


class OwnService:
    """`wattscan serve` on this machine, for the run alone."""

    def __init__(
        self,
        asked: Record,
        log: Path,
        code: Code,
        env: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        command = [code.python, "-m", "wattscan", "serve", "--target", asked.target]
        command += ["--models", asked.models, "--sysfs", asked.sysfs]
        command += ["--grpc-port", "0", "--metrics-port", "0"]
        if asked.backend:
            command += ["--backend", asked.backend]
        self._child = Child("the service", command, log, code.env(env))
        self._say = say
        self._log = log

    @property
    def running(self) -> bool:
        """Whether its process is."""
        return self._child.running

    def start(self) -> Reached:
        """Returns when its models are loaded."""
        self._say("Starting the service ...")
        self._child.start()
        try:
            line = self._child.line(_START_SECONDS)
        except TimeoutError:
            raise WattscanError(
                f"the service was not ready within {_START_SECONDS / 60:.0f} minutes; its log is "
                f"{self._log}"
            ) from None
        if line is None:
            raise self._child.failure()
        ready: dict[str, Any] = json.loads(line)
        self._say(f"The service answers at {ready['grpc']}, its metrics at {ready['metrics']}")
        return Reached(ready["grpc"], ready["metrics"], ready["target"])

    def failure(self) -> WattscanError:
        """By its exit code and its log."""
        return self._child.failure()

    def stop(self) -> None:
        """Ask it to end, then make it."""
        self._child.stop()


class DistantService:
    """One that somebody else has started, here or elsewhere."""

    running = True

    def __init__(self, asked: Record, say: Callable[[str], None]) -> None:
        self._asked = asked
        self._say = say

    def start(self) -> Reached:
        """Reads its page, to know its target."""
        page, tls = self._asked.target_metrics, tls_of_words(self._asked.generator)
        targets = sorted(
            {s.labels["target"] for s in read_page(page, tls) if s.name == TARGET_INFO.name}
        )
        if len(targets) != 1:
            told = f"of the targets {', '.join(targets)}" if targets else "of no Wattscan service"
            raise WattscanError(
                f"the page at {page} is {told}: --target-metrics is the metrics page of the "
                f"service at {self._asked.endpoint}, http://HOST:8002/metrics"
            )
        self._say(f"Measuring the service at {self._asked.endpoint}, its metrics at {page}")
        return Reached(self._asked.endpoint, page, targets[0])

    def failure(self) -> WattscanError:
        """It was not started here, so its exit code and log are not known."""
        return WattscanError(f"the service at {self._asked.endpoint} has ended")

    def stop(self) -> None:
        """It is not ours to end."""
