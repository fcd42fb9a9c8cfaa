"""The energy of a request: what serving sees of telemetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from wattscan.contracts.types import Method, Scope
from wattscan.units import Joules


@dataclass(frozen=True)
class EnergyShare:
    """The energy of one request, as well as it is known now.

    `method` is `estimated` until every interval of the request is settled, and `unknown` where
    nothing tells: then there is no energy and no scope.
    """

    energy: Joules | None
    method: Method | Literal["estimated", "unknown"]
    scope: Scope | None


UNKNOWN_ENERGY = EnergyShare(None, "unknown", None)
"""Of a request while no source of energy is proven, or the one that was read is silent."""


class EnergyAccount(Protocol):
    """The energy of one request. It is in service or not, one time after the other."""

    def start(self, share: float = 1.0) -> float:
        """It goes into service.

        Args:
            share: its share of the work: in a batch, its images over the batch's.

        Returns:
            Now: monotonic, in seconds.
        """
        ...

    def stop(self) -> float:
        """It leaves service; returns now, as `start` does."""
        ...

    def close(self, ok: bool) -> EnergyShare:
        """The request is answered (ok), or has failed; returns what it has cost."""
        ...


class EnergyMeter(Protocol):
    """Gives the device's energy to the requests in service."""

    def open(self, task: str, precision: str) -> EnergyAccount:
        """An account for a new request."""
        ...
