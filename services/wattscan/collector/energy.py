"""Energy of a window: gross, net of the idle power before it, and how much of it was covered."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wattscan.collector.delta import increase, missing_at
from wattscan.collector.device import EnergySource
from wattscan.collector.series import Series
from wattscan.collector.windows import Phase
from wattscan.units import Joules, Seconds, Watts, energy, mean_power


@dataclass(frozen=True)
class PhaseEnergy:
    """Energy of one phase. `joules` is None where the counter does not reach over both edges;
    `coverage_ratio` is the part of the phase that the counter accounts for, None if not told."""

    joules: Joules | None
    duration: Seconds
    coverage_ratio: float | None
    resets: int
    down_at_edge: bool

    @property
    def power(self) -> Watts | None:
        """The phase's mean power, None where it has no energy or no length."""
        if self.joules is None or self.duration <= 0:
            return None
        return mean_power(self.joules, self.duration)


def phase_energy(source: EnergySource, phase: Phase) -> PhaseEnergy | None:
    """The energy of a phase that has ended; None where it has not, or there is no counter."""
    if phase.end is None or source.counter is None:
        return None
    start, end = phase.start, phase.end
    counted = increase(source.counter.times, source.counter.values, start, end)
    return PhaseEnergy(
        joules=None if counted is None else Joules(counted.amount),
        duration=Seconds(end - start),
        coverage_ratio=_coverage(source.covered, start, end),
        resets=(0 if counted is None else counted.resets) + _hardware_resets(source, start, end),
        down_at_edge=any(_down(source, moment) for moment in (start, end)),
    )


def net_energy(load: PhaseEnergy | None, idle: PhaseEnergy | None) -> Joules | None:
    """energy(load) minus mean idle power times the load's duration (docs/measurement.md, Energy).

    May be below zero, where the load drew less than the idle phase; None if either is not measured.
    """
    if load is None or load.joules is None or idle is None or idle.power is None:
        return None
    return Joules(load.joules - energy(idle.power, load.duration))


def _hardware_resets(source: EnergySource, start: float, end: float) -> int:
    """Resets that the exporter bridged: its own counter does not show them."""
    series = source.hardware_resets
    if series is None:
        return 0
    counted = increase(series.times, series.values, start, end)
    return 0 if counted is None else math.ceil(counted.amount)


def _coverage(covered: Series | None, start: float, end: float) -> float | None:
    if covered is None or end <= start:
        return None
    accounted = increase(covered.times, covered.values, start, end)
    return None if accounted is None else accounted.amount / (end - start)


def _down(source: EnergySource, moment: float) -> bool:
    """Whether the sensor was down at a moment: its counter is not there, or it says so itself in
    the sample before or after."""
    if source.counter is None or missing_at(source.counter.times, moment):
        return True
    if source.up is None:
        return False
    times, values = source.up.times, source.up.values
    around = {int(times.searchsorted(moment, "right")) - 1, int(times.searchsorted(moment, "left"))}
    return any(values[index] == 0 for index in around if 0 <= index < times.size)
