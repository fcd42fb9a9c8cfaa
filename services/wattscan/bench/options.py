"""What `wattscan bench` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wattscan.client.connection import Tls
from wattscan.workloads import Workload


@dataclass(frozen=True)
class Endpoint:
    """A service that runs elsewhere: host:port, its metrics page, and how it is reached."""

    address: str
    page: str
    tls: Tls | None = None
    token: str | None = None
    arguments: tuple[str, ...] = ()
    """The same as options of the load generator."""


@dataclass(frozen=True)
class BenchOptions:
    """What `wattscan bench` was asked for; without an endpoint, a service is started here."""

    target: str
    workload: Workload
    models: Path
    out: Path
    sysfs: Path
    backend: str = ""
    endpoint: Endpoint | None = None
    generator: tuple[str, ...] = ()
    """Further options of the load generator."""
    own: Path | None = None
    """A folder with models that were made for this run, which it takes into its own."""
