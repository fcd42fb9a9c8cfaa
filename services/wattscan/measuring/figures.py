"""What a measurement finds, and how it comes from two moments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from wattscan.contracts import Method, Scope
from wattscan.telemetry.domains import DomainKey

Verdict = Literal["valid", "indicative", "invalid"]


# docs/measurement.md: what `valid` allows.
_LEAST_COVERAGE = 0.98
_MOST_BOUND = 0.02


@dataclass(frozen=True)
class Energy:
    """What a piece of code took: the energy of the whole device that the sensor covers, while the
    code ran. What was not measured is None, never 0: also a piece that is too short for the sensor.

    `bound_joules` is how far `joules` may be off by what the readings do not resolve;
    `uncertainty_ratio` is the sensor's own standard uncertainty (1 sigma), over its reading;
    `coverage_ratio` the part of the time that the sensor accounts for. `method` is `counter`,
    `integrated` or `modelled` (computed from processor time, not measured); `scope` is `system`,
    `board`, `chip` or `rail`. `reasons` say why the verdict is not `valid`, as in
    docs/measurement.md.
    """

    seconds: float
    joules: float | None = None
    bound_joules: float | None = None
    coverage_ratio: float | None = None
    uncertainty_ratio: float | None = None
    sensor: str | None = None
    domain: str | None = None
    method: Method | None = None
    scope: Scope | None = None
    reasons: tuple[str, ...] = ()

    @property
    def mean_watts(self) -> float | None:
        """The mean power."""
        return None if self.joules is None or self.seconds <= 0 else self.joules / self.seconds

    @property
    def verdict(self) -> Verdict:
        """`valid`, `indicative` or `invalid`, by its reasons."""
        if not self.reasons:
            return "valid"
        return "indicative" if set(self.reasons) <= _INDICATIVE else "invalid"


_INDICATIVE = {"modelled_power", "error_bound_too_large"}


@dataclass(frozen=True)
class Moment:
    """What the table's domain showed at a moment, or that there is none."""

    at: float
    key: DomainKey | None = None
    energy: float = 0.0
    covered: float = 0.0
    read_at: float | None = None
    power: float = 0.0
    update_period: float = 0.0
    uncertainty_ratio: float = 0.0
    interruptions: int = 0


def between(begin: Moment, end: Moment) -> Energy:
    """The energy between two moments.

    The bound: at either edge, the power over the time between the moment and the reading, and over
    one renewal of the source's figure; and over the time that the sensor does not account for. The
    power is the largest of the piece's mean and of what was shown at its edges.
    """
    seconds = max(0.0, end.at - begin.at)
    if begin.key is None or end.key is None:
        both = begin.key is None and end.key is None
        return Energy(seconds, reasons=("energy_not_measured" if both else "sensor_down_at_edge",))
    if begin.key != end.key:
        return Energy(seconds, reasons=("sensor_changed",))
    if begin.read_at is None or end.read_at is None:
        return Energy(seconds, reasons=("energy_not_measured",))
    edges = abs(begin.at - begin.read_at) + abs(end.read_at - end.at)
    edges += begin.update_period + end.update_period
    read = end.read_at - begin.read_at
    if read <= 0 or edges >= seconds:
        # What was read may be of another piece altogether.
        return Energy(
            seconds,
            sensor=end.key.sensor,
            domain=end.key.domain,
            method=end.key.method,
            scope=end.key.scope,
            reasons=("not_resolved",),
        )
    # Readings that lie outside of the piece: of their time it has its share. A reading that lies
    # inside of it leaves the rest of it uncovered.
    joules = (end.energy - begin.energy) * min(1.0, seconds / read)
    coverage = min(1.0, (end.covered - begin.covered) / max(read, seconds))
    most = max(begin.power, end.power, (end.energy - begin.energy) / read)
    bound = most * (edges + (1.0 - coverage) * seconds)
    reasons = []
    if end.interruptions > begin.interruptions:
        reasons.append("counter_reset")
    if coverage < _LEAST_COVERAGE:
        reasons.append("coverage_below_98_percent")
    if end.key.method == "modelled":
        reasons.append("modelled_power")
    if bound > _MOST_BOUND * joules:
        reasons.append("error_bound_too_large")
    return Energy(
        seconds=seconds,
        joules=joules,
        bound_joules=bound,
        coverage_ratio=coverage,
        uncertainty_ratio=end.uncertainty_ratio,
        sensor=end.key.sensor,
        domain=end.key.domain,
        method=end.key.method,
        scope=end.key.scope,
        reasons=tuple(reasons),
    )


def added(first: Energy, second: Energy) -> Energy:
    """Two pieces as one; without a figure where either has none."""
    same = (first.sensor, first.domain) == (second.sensor, second.domain)
    reasons = dict.fromkeys(
        (*first.reasons, *second.reasons, *([] if same else ["sensor_changed"]))
    )
    seconds = first.seconds + second.seconds
    if not same or first.joules is None or second.joules is None:
        return Energy(seconds, reasons=tuple(reasons))
    joules = first.joules + second.joules
    bound = (first.bound_joules or 0.0) + (second.bound_joules or 0.0)
    covered = sum(piece.seconds * (piece.coverage_ratio or 0.0) for piece in (first, second))
    reasons.pop("error_bound_too_large", None)
    if bound > _MOST_BOUND * joules:
        reasons["error_bound_too_large"] = None
    return replace(
        second,
        seconds=seconds,
        joules=joules,
        bound_joules=bound,
        coverage_ratio=covered / seconds if seconds else None,
        reasons=tuple(reasons),
    )
