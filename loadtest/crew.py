"""Everybody who sends, as the leader of a run knows them: workers, or this process alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, LocalRunner, MasterRunner

from loadtest.sender import CLOSE, FORGET, OPEN, PREPARE
from wattscan.contracts import WattscanError

_PREPARE_SECONDS = 120.0
_DRAIN_SECONDS = 60.0
_LOCAL = "local"

log = logging.getLogger(__name__)

Counted = Callable[[Mapping[str, Any]], None]


class Crew:
    """Leads those who send, by Locust's messages. One who is gone is not waited for."""

    def __init__(self, environment: Environment) -> None:
        self._runner: Any = environment.runner
        self._description: dict[str, Any] = {}
        self._prepared: dict[str, str] = {}
        self._gate = 0
        self._sending: set[str] = set()
        self._counted: Counted = lambda _: None
        self.cpu: dict[str, float] = {}
        """Of each, its processor time over elapsed time."""
        self.refused: Callable[[str], None] = lambda _: None
        """Told the service's sentence when everything is refused."""

    @property
    def members(self) -> list[str]:
        """Who is there."""
        if isinstance(self._runner, LocalRunner):
            return [_LOCAL]
        clients = self._runner.clients.items()
        return [name for name, node in clients if node.state != STATE_MISSING]

    def prepare(self, description: Mapping[str, Any]) -> None:
        """Have all make the requests of a run. Raises: WattscanError: one of them cannot."""
        self._description, self._prepared = dict(description), {}
        self._ask(self.members)
        for name, error in self._prepared.items():
            if error:
                raise WattscanError(error if name == _LOCAL else f"the worker {name}: {error}")
        if not self._prepared:
            raise WattscanError("there is no worker: start some with --worker, or --processes N")

    def muster(self) -> None:
        """Before a window: whoever has come since makes the requests too, or is left out."""
        for name in self._prepared.keys() - set(self.members):
            log.warning("the worker %s is gone", name)
            del self._prepared[name]
        fresh = [name for name in self.members if name not in self._prepared]
        if not fresh:
            return
        with suppress(WattscanError):  # whoever takes too long is left out
            self._ask(fresh)
        for name in fresh:
            error = self._prepared.setdefault(name, "it takes too long to make the requests")
            if error:
                log.warning("the worker %s is left out: %s", name, error)
            else:
                log.warning("the worker %s came late and takes part from this window on", name)

    def send(self, gate: Mapping[str, Any], most: int, counted: Counted) -> int:
        """Open a gate for `most` of them; returns how many send."""
        self._gate += 1
        self._counted = counted
        ready = sorted(name for name in self.members if self._prepared.get(name) == "")
        chosen = ready[:most]
        self._sending = set(chosen)
        for number, name in enumerate(chosen):
            share = {"gate": self._gate, "share": [number, len(chosen)]}
            self._tell(OPEN, {**gate, **share}, name)
        return len(chosen)

    def close(self) -> tuple[int, int]:
        """Close it, and wait until all is answered; returns how many were lost, and how many had
        not answered when the wait ended."""
        for name in self._sending:
            self._tell(CLOSE, {"gate": self._gate}, name)
        deadline, lost = time.monotonic() + _DRAIN_SECONDS, 0
        gevent.sleep(0)
        while self._sending and time.monotonic() < deadline:
            lost += self.miss()
            gevent.sleep(0.001)
        left, self._sending = len(self._sending), set()
        return lost, left

    def miss(self) -> int:
        """Leave out who is gone; returns how many of those who send that were."""
        gone = self._sending - set(self.members)
        self._sending -= gone
        for name in gone:
            log.warning("the worker %s is gone: what it sent in this window is not counted", name)
            self._prepared.pop(name, None)
            self.cpu.pop(name, None)
        return len(gone)

    def forget(self) -> None:
        """Have all end what they do for the run."""
        self._sending = set()
        for name in self.members:
            self._tell(FORGET, {}, name)

    def note_prepared(self, name: str, data: Mapping[str, Any]) -> None:
        """A message: the requests are made, or the error that came instead."""
        if data["run"] == self._description.get("run"):
            self._prepared[name] = data["error"]

    def note_counted(self, name: str, data: Mapping[str, Any]) -> None:
        """A message: what has been counted since the last one."""
        if data["run"] != self._description.get("run") or data["gate"] != self._gate:
            return
        self.cpu[name] = data["cpu"]
        self._counted(data["tally"])
        if data["ended"]:
            self._sending.discard(name)

    def note_refused(self, _name: str, data: Mapping[str, Any]) -> None:
        """A message: the service refuses everything."""
        if data["run"] == self._description.get("run"):
            self.refused(data["error"])

    def _ask(self, names: Sequence[str]) -> None:
        """Have them make the requests, and wait. Raises: WattscanError: one takes too long."""
        clients = self._description["workload"]["clients"]
        for number, name in enumerate(names):
            mine = max(1, clients // len(names) + (number < clients % len(names)))
            self._tell(PREPARE, {**self._description, "clients": mine}, name)
        deadline = time.monotonic() + _PREPARE_SECONDS
        while not set(names) & set(self.members) <= self._prepared.keys():
            if time.monotonic() > deadline:
                missing = ", ".join(sorted(set(names) - self._prepared.keys()))
                raise WattscanError(
                    f"{missing} did not make the requests within {_PREPARE_SECONDS:g} s"
                )
            gevent.sleep(0.01)

    def _tell(self, kind: str, data: Mapping[str, Any], name: str) -> None:
        if isinstance(self._runner, MasterRunner):
            self._runner.send_message(kind, dict(data), client_id=name)
        else:
            self._runner.send_message(kind, dict(data))
