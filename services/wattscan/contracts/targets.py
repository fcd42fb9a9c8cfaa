"""Hardware targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wattscan.contracts.limits import LIMITS, Limits
from wattscan.units import Seconds, Watts


@dataclass(frozen=True)
class Correction:
    """How one domain's power is put right: gain x power + offset, found against a better meter.

    `uncertainty_ratio` is what is left, one standard uncertainty over the reading.
    """

    gain: float
    offset: Watts
    uncertainty_ratio: float


@dataclass(frozen=True)
class SensorChoice:
    """One `[[sensors]]` entry: a module's name and what is passed to its `find`.

    `interval` is how often it is read, where that is not the target's; `floors` is, for a domain,
    the least power that its device takes; `may_be_zero` names the domains that may truly take
    nothing; `frozen_after` is how long a source may stand still (0: for ever; None: a time that
    fits its update period); `update_period` is how often the source renews its figure, where that
    is not what the sensor says. Where the sensor `unless` has been found, this one is not looked
    for. `corrections` are of its sensors' domains, by sensor and domain.
    """

    name: str
    settings: Mapping[str, Any]
    interval: Seconds | None = None
    floors: Mapping[str, Watts] = field(default_factory=dict)
    may_be_zero: frozenset[str] = frozenset()
    frozen_after: Seconds | None = None
    update_period: Seconds | None = None
    unless: str = ""
    corrections: Mapping[tuple[str, str], Correction] = field(default_factory=dict)


@dataclass(frozen=True)
class PaperReading:
    """Which reading the paper's Table 2 used on this target; None where it does not say."""

    precision: str | None = None
    domain: str | None = None
    zone: str | None = None


AUTO = "auto"
"""The backend of a target that leaves the engine to what takes least; see `engine_choice`."""

_NO_DELAY = Seconds(0.0)


@dataclass(frozen=True)
class Batching:
    """How the requests for a model are put together. A target's are its models' defaults."""

    max_batch_size: int = 1
    """Images (rows) that an engine takes at once."""

    queue_delay: Seconds = _NO_DELAY
    """How long a batch that is not full waits for more."""

    instances: int = 1
    """Engines of a model, which run at the same time."""

    queue_limit: int = 64
    """Images that may wait before new requests are refused."""

    priority_levels: int = 2
    """1 is served first; who names none has the last."""


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
    batching: Batching
    limits: Limits = LIMITS
