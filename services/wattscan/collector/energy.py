"""Energy of a window: gross, net of the idle power before it, and how much of it was covered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wattscan.collector.delta import increase, missing_at
from wattscan.collector.device import EnergySource
from wattscan.collector.edges import around
from wattscan.collector.windows import Phase
from wattscan.units import Joules, Seconds, Watts, energy, mean_power

# Of a phase, beside one spacing of the samples: edges lie between two of them.
COVERAGE_TOLERANCE = 0.02
# Pages around an edge whose readings are next to it.
_LATE_SCRAPES = 2
_GAUGE_SAMPLES, GAUGE_TOLERANCE, GAUGE_ERRORS = 5, 0.10, 4.0


@dataclass(frozen=True)
class PhaseEnergy:
    """Energy of one phase. `joules` is None where the counter does not reach over both edges;
    `coverage_ratio` is the part of the phase that the counter accounts for, None if not told;
    `counted_twice`: that is more than the whole, beyond what the edges leave open; `state_told`:
    the sensor's state is on record at both edges; `bound` is how far off `joules` may be by what
    the record does not resolve, None where there are none."""

    joules: Joules | None
    bound: Joules | None
    duration: Seconds
    coverage_ratio: float | None
    counted_twice: bool
    resets: int
    down_at_edge: bool
    state_told: bool

    @property
    def power(self) -> Watts | None:
        """The phase's mean power, None where it has no energy or no length."""
        if self.joules is None or self.duration <= 0:
            return None
        return mean_power(self.joules, self.duration)


def phase_energy(
    source: EnergySource, phase: Phase, shortest: Seconds, clock: Seconds
) -> PhaseEnergy | None:
    """The energy of a phase that has ended; None where it has not, or there is no counter.

    Args:
        source: the domain.
        phase: the phase, by the recorder's clock.
        shortest: the length of the shortest phase nearby.
        clock: how far that clock may be off.
    """
    if phase.end is None or source.readings is None:
        return None
    start, end = phase.start, phase.end
    counted = increase(source.readings.times, source.readings.values, start, end)
    coverage = coverage_ratio(source, start, end)
    return PhaseEnergy(
        joules=None if counted is None else Joules(counted.amount),
        bound=None if counted is None else _bound(source, phase, counted.amount, shortest, clock),
        duration=Seconds(end - start),
        coverage_ratio=coverage,
        counted_twice=covers_too_much(source, start, end),
        resets=(0 if counted is None else counted.resets) + _hardware_resets(source, start, end),
        down_at_edge=any(_down(source, moment) for moment in (start, end)),
        state_told=source.up is not None
        and not any(
            missing_at(source.up.times, moment, source.up.median_spacing())
            for moment in (start, end)
        ),
    )


def _bound(
    source: EnergySource, phase: Phase, joules: float, shortest: Seconds, clock: Seconds
) -> Joules | None:
    """What both edges and the time that is not covered leave open."""
    if source.readings is None or phase.end is None:
        return None
    edges = [
        around(source.readings, source.power, moment, shortest, source.lag.interval)
        for moment in (phase.start, phase.end)
    ]
    known = [edge for edge in edges if edge is not None]
    if len(known) < len(edges):
        return None
    duration = phase.end - phase.start
    most = max(joules / duration if duration else 0.0, *(edge.high for edge in known))
    at_edges = sum(
        edge.bound(source.lag, Seconds(clock + _lateness(source, moment) / 2))
        for edge, moment in zip(known, (phase.start, phase.end), strict=True)
    )
    return Joules(at_edges + source.quantum + _uncovered(source, phase.start, phase.end) * most)


def _lateness(source: EnergySource, moment: float) -> float:
    """The longest of the pages around a moment: each of them shows a reading that is next to it."""
    if source.lateness is None:
        return 0.0
    reach = _LATE_SCRAPES * source.lateness.median_spacing()
    return float(source.lateness.between(moment - reach, moment + reach).max(initial=0.0))


def _uncovered(source: EnergySource, start: float, end: float) -> float:
    """How much of a phase the counter may not account for, s: what is missing between two readings
    at an edge may lie on either side."""
    covered = source.covered
    if covered is None:
        return 0.0
    first = max(0, int(covered.times.searchsorted(start, "right")) - 1)
    last = min(covered.times.size - 1, int(covered.times.searchsorted(end, "left")))
    span = slice(first, last + 1)
    gone = np.diff(covered.times[span]) - np.maximum(np.diff(covered.values[span]), 0.0)
    return float(max(0.0, gone.sum()))


def covers_too_much(source: EnergySource, start: float, end: float) -> bool:
    """Whether the counter accounts for more than the whole of a time (Unix seconds), beyond what
    its edges leave open: over a longer time less is enough."""
    ratio = coverage_ratio(source, start, end)
    if ratio is None or source.covered is None:
        return False
    return ratio > 1 + COVERAGE_TOLERANCE + source.covered.median_spacing() / (end - start)


def gauge_ratio(source: EnergySource, phase: Phase, power: Watts | None) -> float | None:
    """The mean of the power gauge over a phase, over the power that the counter gives.

    None where they agree, within 10 % and what the gauge's own scatter and the counter's renewal
    explain, or where there are too few samples to tell.
    """
    if source.power is None or phase.end is None or not power or power <= 0:
        return None
    told = source.power.between(phase.start, phase.end)
    if told.size < _GAUGE_SAMPLES:
        return None
    error = float(np.std(told, ddof=1)) / math.sqrt(told.size)
    apart = abs(float(np.mean(told)) - power)
    part = max(GAUGE_TOLERANCE, source.lag.power_ratio)
    if apart <= max(part * power, GAUGE_ERRORS * error):
        return None
    return float(np.mean(told)) / power


def net_energy(load: PhaseEnergy | None, idle: PhaseEnergy | None) -> Joules | None:
    """energy(load) minus mean idle power times the load's duration (docs/measurement.md, Energy).

    May be below zero, where the load drew less than the idle phase; None if either is not measured.
    """
    if load is None or load.joules is None or idle is None or idle.power is None:
        return None
    return Joules(load.joules - energy(idle.power, load.duration))


def net_bound(load: PhaseEnergy | None, idle: PhaseEnergy | None) -> Joules | None:
    """How far off net energy may be: the load's bound, and its idle phase's over the load."""
    if load is None or load.bound is None or idle is None or idle.bound is None:
        return None
    if idle.duration <= 0:
        return None
    return Joules(load.bound + idle.bound * load.duration / idle.duration)


def _hardware_resets(source: EnergySource, start: float, end: float) -> int:
    """Resets that the exporter bridged: its own counter does not show them."""
    series = source.hardware_resets
    if series is None:
        return 0
    first = float(series.times[0])
    if start < first <= end:
        # A labelled counter is born with its first error.
        return math.ceil(float(series.between(start, end)[-1]))
    counted = increase(series.times, series.values, start, end)
    return 0 if counted is None else math.ceil(counted.amount)


def coverage_ratio(source: EnergySource, start: float, end: float) -> float | None:
    """The part of a time (Unix seconds) that the counter accounts for; None: not told."""
    covered = source.covered
    if covered is None or end <= start:
        return None
    accounted = increase(covered.times, covered.values, start, end)
    return None if accounted is None else accounted.amount / (end - start)


def _usual(source: EnergySource) -> Seconds:
    """The time between two scrapes: a counter that is seldom a number must not hide its gaps."""
    several = (source.counter, source.up, source.covered)
    return min((s.median_spacing() for s in several if s and s.times.size > 1), default=Seconds(0))


def _down(source: EnergySource, moment: float) -> bool:
    """Whether the sensor was down at a moment: its counter is not there, or it says so itself in
    the sample before or after."""
    if source.counter is None or missing_at(source.counter.times, moment, _usual(source)):
        return True
    if source.up is None:
        return False
    times, values = source.up.times, source.up.values
    around = {int(times.searchsorted(moment, "right")) - 1, int(times.searchsorted(moment, "left"))}
    return any(values[index] == 0 for index in around if 0 <= index < times.size)
