"""The stages of one request: how long each takes, and that it is in service meanwhile."""

from __future__ import annotations

import time

from wattscan.contracts import EnergyAccount, EnergyShare


class Stages:
    """One stage after the other; between them the request waits, or somebody computes for it."""

    __slots__ = ("_began", "_since", "_stage", "account", "seconds")

    def __init__(self, account: EnergyAccount) -> None:
        self.account = account
        self.seconds: dict[str, float] = {"queue": 0.0}
        self._stage = ""
        self._began = self._since = time.monotonic()

    def begin(self, stage: str) -> None:
        """From now on it is in service, in that stage."""
        self._stage = stage
        self._since = self.account.start()

    def end(self) -> None:
        """The stage is over."""
        self.seconds[self._stage] = self.account.stop() - self._since
        self._stage = ""

    def queued(self, seconds: float) -> None:
        """It has waited so long."""
        self.seconds["queue"] += seconds

    def close(self, ok: bool) -> EnergyShare:
        """The request is over, in whatever stage; returns its energy as far as it is known."""
        if self._stage:
            self.end()
        self.seconds["total"] = time.monotonic() - self._began
        return self.account.close(ok)
