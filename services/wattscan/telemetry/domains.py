"""What is known of one domain of one sensor: its energy, its coverage, its power."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.contracts import EnergyReading, Method, PowerReading, Scope
from wattscan.telemetry.integrate import NOTHING, Step, counter_step, power_step
from wattscan.units import Joules, Seconds, Watts, mean_power


@dataclass(frozen=True)
class DomainKey:
    """The labels that a domain's series carry."""

    sensor: str
    domain: str
    scope: Scope
    method: Method


class Domain:
    """Accumulates one domain. Not thread-safe: the sampler holds a lock."""

    def __init__(self, key: DomainKey, uncertainty_ratio: float, interval: Seconds) -> None:
        self.key = key
        self.uncertainty_ratio = uncertainty_ratio
        self.energy = Joules(0.0)
        self.covered = Seconds(0.0)
        self.power: Watts | None = None
        self.present = False
        self._interval = interval
        self._last: tuple[Seconds, EnergyReading | PowerReading] | None = None
        self._power_since: tuple[Seconds, Joules] | None = None

    @property
    def last_read(self) -> Seconds | None:
        """Monotonic time of the last reading that the energy includes."""
        return self._last[0] if self._last else None

    def add(self, now: Seconds, reading: EnergyReading | PowerReading) -> Step:
        """Take in a reading made at the monotonic time `now`; returns what it added."""
        step = self._step(now, reading)
        self._last = (now, reading)
        self.energy = Joules(self.energy + step.energy)
        self.covered = Seconds(self.covered + step.covered)
        self._update_power(now, reading, step)
        self.present = True
        return step

    def lose(self) -> None:
        """The reading failed: nothing of this domain is shown until the next one."""
        self.present = False
        self.power = None
        self._power_since = None

    def _step(self, now: Seconds, reading: EnergyReading | PowerReading) -> Step:
        if self._last is None:
            return NOTHING
        then, previous = self._last
        elapsed = Seconds(now - then)
        if isinstance(reading, EnergyReading) and isinstance(previous, EnergyReading):
            return counter_step(previous, reading, elapsed)
        if isinstance(reading, PowerReading) and isinstance(previous, PowerReading):
            return power_step(previous.power, reading.power, elapsed, self._interval)
        return NOTHING

    def _update_power(
        self, now: Seconds, reading: EnergyReading | PowerReading, step: Step
    ) -> None:
        if isinstance(reading, PowerReading):
            self.power = reading.power
            return
        if self._power_since is None or step == NOTHING:  # or RESET, its equal
            self._power_since = (now, self.energy)
            return
        then, energy = self._power_since
        # Two readings close together would divide a counter's quantum by next to nothing.
        if now - then >= self._interval / 2:
            self.power = mean_power(Joules(self.energy - energy), Seconds(now - then))
            self._power_since = (now, self.energy)
