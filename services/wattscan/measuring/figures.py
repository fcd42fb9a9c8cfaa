"""What a measurement finds, and how it comes from two moments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from wattscan.contracts import Method, Scope
from wattscan.profiles import LEAST_COVERAGE, PROFILES
from wattscan.telemetry.domains import DomainKey

Verdict = Literal["valid", "indicative", "invalid"]

# What `valid` allows.
_MOST_BOUND = PROFILES["standard"].most_bound


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
    read_at: float = 0.0
    power: float = 0.0
    update_period: float = 0.0
    uncertainty_ratio: float = 0.0
    interruptions: int = 0
    # What a reading of at least one renewal later showed: by then all energy of before is counted.
    later_energy: float = 0.0
    later_power: float = 0.0


def between(begin: Moment, end: Moment) -> Energy:
    """The energy between two moments.

    A counter's reading lacks what has come since its figure was renewed, and one of a renewal later
    has all of it: the truth at an edge lies between the two, and is taken to be half-way. Power
    that is integrated shows a step up to a renewal late, and shares it between two readings: at an
    edge that is the power over two renewals, and over the time between the moment and the reading.
    Time that the sensor does not account for adds the power over it. The power is the largest of
    the piece's mean and of what was shown at its edges.
    """
    seconds = max(0.0, end.at - begin.at)
    if (key := end.key) is None or begin.key != key:
        return Energy(seconds, reasons=(_why_unknown(begin, end),))
    found = Energy(
        seconds, sensor=key.sensor, domain=key.domain, method=key.method, scope=key.scope
    )
    read = end.read_at - begin.read_at
    mean = (end.energy - begin.energy) / read if read > 0 else 0.0
    most = max(mean, begin.power, begin.later_power, end.power, end.later_power)
    least_begin, most_begin = _around(begin, key.method, mean, most)
    least_end, most_end = _around(end, key.method, mean, most)
    if read <= 0 or least_end <= most_begin:
        # What was read may be of another piece altogether.
        return replace(found, reasons=("not_resolved",))
    joules = (least_end + most_end - least_begin - most_begin) / 2
    # A reading that lies inside of the piece leaves the rest of it uncovered.
    coverage = min(1.0, (end.covered - begin.covered) / max(read, seconds))
    bound = (most_end - least_end + most_begin - least_begin) / 2
    bound += most * (1.0 - coverage) * seconds
    return replace(
        found,
        joules=joules,
        bound_joules=bound,
        coverage_ratio=coverage,
        uncertainty_ratio=end.uncertainty_ratio,
        reasons=_doubts(begin, end, key.method, coverage, bound > _MOST_BOUND * joules),
    )


def _why_unknown(begin: Moment, end: Moment) -> str:
    keys = (begin.key, end.key)
    if keys == (None, None):
        return "energy_not_measured"
    return "sensor_down_at_edge" if None in keys else "sensor_changed"


def _doubts(
    begin: Moment, end: Moment, method: Method, coverage: float, is_vague: bool
) -> tuple[str, ...]:
    doubts = {
        "counter_reset": end.interruptions > begin.interruptions,
        "coverage_below_98_percent": coverage < LEAST_COVERAGE,
        "modelled_power": method == "modelled",
        "error_bound_too_large": is_vague,
    }
    return tuple(code for code, holds in doubts.items() if holds)


def _around(moment: Moment, method: Method, mean: float, most: float) -> tuple[float, float]:
    """The least and the most that the energy can have been at a moment, J."""
    late = moment.read_at - moment.at
    if method == "counter":
        # Of a reading that was taken after the moment, some may have come since.
        return moment.energy - most * max(0.0, late), moment.later_energy
    energy = moment.energy - mean * late
    open_to_doubt = most * (abs(late) + 2 * moment.update_period)
    return energy - open_to_doubt, energy + open_to_doubt


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
