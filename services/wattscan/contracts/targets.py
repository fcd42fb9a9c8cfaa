"""Hardware targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wattscan.contracts.types import Precision
from wattscan.units import Seconds


@dataclass(frozen=True)
class SensorChoice:
    """One `[[sensors]]` entry: a module's name and what is passed to its `find`."""

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class PaperReading:
    """Which reading the paper's Table 2 used on this target; None where it does not say."""

    precision: Precision | None = None
    domain: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Target:
    """A hardware target, as its TOML file describes it. Sensors are in order of preference."""

    name: str
    title: str
    backend: str
    backend_settings: Mapping[str, Any]
    sensors: tuple[SensorChoice, ...]
    sample_interval: Seconds
    paper: PaperReading
    queue_limit: int
