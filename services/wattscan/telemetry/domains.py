"""What is known of one domain of one sensor: its energy, its coverage, its power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from wattscan.contracts import Correction, EnergyReading, Method, PowerReading, Scope
from wattscan.telemetry.integrate import JUMP, NOTHING, RESET, STILL, Step, counter_step, power_step
from wattscan.units import Joules, Seconds, Watts, energy, mean_power


def corrected(correction: Correction, power: Watts) -> Watts:
    """What the better meter would have shown; never less than nothing, which no device takes."""
    return Watts(max(0.0, correction.gain * power + correction.offset))


@dataclass(frozen=True)
class DomainKey:
    """The labels that a domain's series carry."""

    sensor: str
    domain: str
    scope: Scope
    method: Method


class Domain:
    """Accumulates one domain. Not thread-safe: the sampler holds a lock."""

    def __init__(
        self,
        key: DomainKey,
        uncertainty_ratio: float,
        interval: Seconds,
        correction: Correction | None = None,
        update_period: Seconds = Seconds(0.0),  # noqa: B008 - a number
    ) -> None:
        """`update_period`: how often the source renews its figure."""
        self.key = key
        self.uncertainty_ratio = correction.uncertainty_ratio if correction else uncertainty_ratio
        self._correction = correction
        self.energy = Joules(0.0)
        self.covered = Seconds(0.0)
        self.power: Watts | None = None
        self.present = False
        self._interval = interval
        self._slack = Seconds(interval + update_period)
        self._owed = self._moved = Joules(0.0)
        self._last: tuple[Seconds, EnergyReading | PowerReading] | None = None
        # One that did not follow from the last: the next one shows which of the two is right.
        self._odd: tuple[Seconds, EnergyReading | PowerReading] | None = None
        self._power_since: tuple[Seconds, Joules] | None = None

    @property
    def last_read(self) -> Seconds | None:
        """Monotonic time of the last reading that the energy includes."""
        return self._last[0] if self._last else None

    @property
    def read_at(self) -> Seconds | None:
        """Monotonic time that the energy is of: `last_read`."""
        return self.last_read

    def power_until(self, now: Seconds) -> float:
        """Its power, W; of a count that has not moved since, at most what its last move was."""
        if self.power is None or self._last is None:
            return 0.0
        still = now - self._last[0]
        return min(self.power, self._moved / still) if still > 0 else self.power

    def add(self, now: Seconds, reading: EnergyReading | PowerReading) -> Step:
        """Take in a reading made at the monotonic time `now`; returns what it added."""
        step = self._corrected(self._step(now, reading), reading)
        self.present = True
        if step is STILL:
            return step
        if step is RESET or step is JUMP:
            self._odd = (now, reading)
            self._power_since = None
            return step
        self._last, self._odd, self._moved = (now, reading), None, step.energy
        self.energy = Joules(self.energy + step.energy)
        self.covered = Seconds(self.covered + step.covered)
        self._update_power(now, reading, step)
        return step

    def lose(self) -> None:
        """The reading failed: nothing of this domain is shown until the next one."""
        self.present = False
        self.power = None
        self._power_since = None

    def disbelieve(self) -> None:
        """What it says is not believed: nothing is joined over this time, as it would be over one
        in which a counter could not be read."""
        self.lose()
        self._last = self._odd = None

    def _step(self, now: Seconds, reading: EnergyReading | PowerReading) -> Step:
        if self._last is None:
            return NOTHING
        if self._odd is not None:
            # A counter that was reset goes on from there; a torn reading was none.
            step = self._step_from(self._odd, now, reading)
            if step is not RESET and step is not JUMP:
                return step
        return self._step_from(self._last, now, reading)

    def _step_from(
        self,
        base: tuple[Seconds, EnergyReading | PowerReading],
        now: Seconds,
        reading: EnergyReading | PowerReading,
    ) -> Step:
        then, previous = base
        elapsed = Seconds(now - then)
        if isinstance(reading, EnergyReading) and isinstance(previous, EnergyReading):
            return counter_step(previous, reading, elapsed, self._slack)
        if isinstance(reading, PowerReading) and isinstance(previous, PowerReading):
            return power_step(previous.power, reading.power, elapsed, self._interval)
        return NOTHING

    def _corrected(self, step: Step, reading: EnergyReading | PowerReading) -> Step:
        if self._correction is None or step.covered <= 0:
            return step
        if isinstance(reading, PowerReading):
            power = corrected(self._correction, mean_power(step.energy, step.covered))
            return Step(energy(power, step.covered), step.covered)
        # A counter moves in quanta: what is too little for its offset now is made up for later.
        offset = energy(self._correction.offset, step.covered)
        sum_ = Joules(self._correction.gain * step.energy + offset + self._owed)
        self._owed = Joules(min(0.0, sum_))
        return Step(Joules(max(0.0, sum_)), step.covered)

    def _update_power(
        self, now: Seconds, reading: EnergyReading | PowerReading, step: Step
    ) -> None:
        if isinstance(reading, PowerReading):
            self.power = reading.power
            if self._correction is not None:
                self.power = corrected(self._correction, reading.power)
            return
        if self._power_since is None or step is NOTHING:
            self._power_since = (now, self.energy)
            return
        then, before = self._power_since
        # Two readings close together would divide a counter's quantum by next to nothing.
        if now - then >= self._interval / 2:
            self.power = mean_power(Joules(self.energy - before), Seconds(now - then))
            self._power_since = (now, self.energy)


class Total:
    """Domains that do not overlap, as one: two sockets, two GPUs.

    It has no readings of its own: its energy is theirs since it was made, and it is there while all
    of them are.
    """

    def __init__(self, parts: Sequence[Domain]) -> None:
        first = parts[0].key
        name = "+".join(part.key.domain for part in parts)
        self.key = DomainKey(first.sensor, name, first.scope, first.method)
        self.parts = tuple(parts)
        self._energy = self._sum()
        self._covered = {part.key: part.covered for part in parts}
        self._told: tuple[Seconds, Joules] | None = None

    @property
    def energy(self) -> Joules:
        """All of theirs."""
        return Joules(self._sum() - self._energy)

    @property
    def covered(self) -> Seconds:
        """The time that every one of them accounts for."""
        return Seconds(min(part.covered - self._covered[part.key] for part in self.parts))

    @property
    def power(self) -> Watts | None:
        """The sum of theirs; None where one has none."""
        powers = [part.power for part in self.parts]
        known = [power for power in powers if power is not None]
        return Watts(sum(known)) if len(known) == len(powers) else None

    @property
    def present(self) -> bool:
        """Whether all of them are."""
        return all(part.present for part in self.parts)

    @property
    def uncertainty_ratio(self) -> float:
        """The largest of theirs: sensors of one kind err alike."""
        return max(part.uncertainty_ratio for part in self.parts)

    @property
    def last_read(self) -> Seconds | None:
        """Monotonic time until which the energy includes all of theirs."""
        times = [part.last_read for part in self.parts]
        known = [time for time in times if time is not None]
        return min(known) if len(known) == len(times) else None

    @property
    def read_at(self) -> Seconds | None:
        """Monotonic time that the energy is of.

        Of parts that are not renewed together, that is the mean of their times, each weighted with
        its power: the others' would have grown, or still lacked, just what makes up for it.
        """
        times = [part.last_read for part in self.parts]
        known = [time for time in times if time is not None]
        if len(known) < len(times):
            return None
        powers = [part.power_until(max(known)) for part in self.parts]
        weights = powers if sum(powers) > 0 else [1.0] * len(known)
        weighted = sum(time * weight for time, weight in zip(known, weights, strict=True))
        return Seconds(weighted / sum(weights))

    def news(self) -> tuple[Seconds, Seconds, Joules] | None:
        """What has been added since it was last asked: from, until, and the energy.

        None: nothing yet.
        """
        now = self.last_read
        if now is None or (self._told is not None and now <= self._told[0]):
            return None
        before, self._told = self._told, (now, self.energy)
        return None if before is None else (before[0], now, Joules(self.energy - before[1]))

    def _sum(self) -> Joules:
        return Joules(sum(part.energy for part in self.parts))


AnyDomain: TypeAlias = Domain | Total
