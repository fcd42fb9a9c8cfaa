"""Which sources are believed: only those whose figure has been seen to move.

A kernel in a virtual machine may list counters that count nothing, and a driver may repeat one
figure for ever. A source that has not moved yet feeds no series, no table and no response.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wattscan.contracts import (
    UPDATE_PERIOD,
    EnergyReading,
    EnergySensor,
    PowerReading,
    PowerSensor,
    Sensor,
    SensorAbsent,
    SensorChoice,
    SensorFailed,
    Updating,
)
from wattscan.telemetry.compare import CountComparison
from wattscan.telemetry.integrate import most_power
from wattscan.units import Joules, Seconds, energy

PERIODS = 5
"""A source that has not moved for so many of its update periods stands still."""

# The wait for one source at the start: on a busy machine a quick one may come late, and a slow one
# is proven while it is read.
_LEAST, _LONGEST = Seconds(1.0), Seconds(3.0)
_SPIN = Seconds(0.005)
# A machine that stalls may let the time pass between two readings.
_LEAST_ROUNDS = 10
_STILL = "its count stands still"
_STEADY = "its power stands still or is 0"
_TOO_MUCH = "it shows more power than any device takes"


def update_period(sensor: Sensor, choice: SensorChoice) -> Seconds:
    """How often the source renews its figure: as the target says, else as the sensor does."""
    if choice.update_period is not None:
        return choice.update_period
    return sensor.update_period if isinstance(sensor, Updating) else UPDATE_PERIOD


def is_modelled(sensor: Sensor) -> bool:
    """Whether it computes energy and measures nothing."""
    return isinstance(sensor, EnergySensor) and sensor.method == "modelled"


def measures(sensor: Sensor) -> bool:
    """Whether it measures power or energy."""
    return isinstance(sensor, PowerSensor | EnergySensor) and not is_modelled(sensor)


class Proof:
    """Which domains of one sensor have moved."""

    def __init__(
        self,
        choice: SensorChoice,
        proven: Iterable[str] = (),
        counted: Mapping[str, Joules] | None = None,
        update_period: Seconds = UPDATE_PERIOD,
    ) -> None:
        """Begin with what was seen before.

        Args:
            choice: the target's entry.
            proven: the domains that have been seen to move.
            counted: what they have counted over one and the same time.
            update_period: how often the source renews its figure.
        """
        self._may_be_zero = choice.may_be_zero
        self._proven = set(proven)
        self._comparison = CountComparison(update_period)
        self.counted = dict(counted or {})
        """What the proven domains have counted over one and the same time, where it is known;
        those that show one counter, the same."""
        self.doubts: dict[str, str] = {}
        """Why each other domain is not believed."""
        self._first: dict[str, tuple[Seconds, EnergyReading | PowerReading]] = {}

    @property
    def proven(self) -> frozenset[str]:
        """The domains that have moved."""
        return frozenset(self._proven)

    def believed(
        self, now: Seconds, readings: Sequence[EnergyReading | PowerReading]
    ) -> list[EnergyReading | PowerReading]:
        """The readings, made at `now`, of the domains that have moved, and of those that may rest.

        A domain that may be zero is believed beside one that has moved.
        """
        for reading in readings:
            if reading.domain not in self._proven and self._moved(now, reading):
                self._proven.add(reading.domain)
                self.doubts.pop(reading.domain, None)
        if not self._proven <= self.counted.keys():
            self._compare(now, readings)
        known = self._proven | self._may_be_zero if self._proven else self._proven
        return [reading for reading in readings if reading.domain in known]

    def _compare(self, now: Seconds, readings: Sequence[EnergyReading | PowerReading]) -> None:
        """A domain that is proven later is compared with all others, over a time of its own."""
        self._comparison.add(now, [r for r in readings if r.domain in self._proven])
        if self._comparison.is_settled:
            self.counted = self._comparison.counted()
            self._comparison.clear()

    def is_decided(self, readings: Iterable[EnergyReading | PowerReading]) -> bool:
        """Whether nothing more is to be learnt of these domains."""
        domains = {reading.domain for reading in readings}
        return bool(self._proven) and domains <= self._proven | self._may_be_zero

    def _moved(self, now: Seconds, reading: EnergyReading | PowerReading) -> bool:
        then, first = self._first.setdefault(reading.domain, (now, reading))
        if isinstance(reading, PowerReading) and isinstance(first, PowerReading):
            plausible = reading.power <= most_power(reading.scope)
            self.doubts[reading.domain] = _STEADY if plausible else _TOO_MUCH
            if not plausible or reading.power <= 0:
                return False
            return (reading.power, reading.stamp) != (first.power, first.stamp)
        if isinstance(reading, EnergyReading) and isinstance(first, EnergyReading):
            counted = reading.count - first.count
            plausible = counted <= energy(most_power(reading.scope), Seconds(now - then))
            self.doubts[reading.domain] = _STILL if plausible else _TOO_MUCH
            if plausible and counted >= 0:
                return counted > 0
        # It was reset, or it jumped by more than any device takes: it is watched anew.
        self._first[reading.domain] = (now, reading)
        return False


@dataclass(frozen=True)
class SensorEvidence:
    """What was seen of a sensor at the start.

    `proven` are the domains that moved; `counted` is what each of them counted over one and the
    same time, empty for power. `domains` are all that it gave, in their order, and `doubts` says
    why each one that is not proven is not.
    """

    proven: frozenset[str] = frozenset()
    counted: Mapping[str, Joules] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    doubts: Mapping[str, str] = field(default_factory=dict)


def prove(sensor: Sensor, choice: SensorChoice) -> SensorEvidence:
    """Watch a source under a busy loop until it moves, for as long as fits its update period.

    Nothing is decided of a source that is too slow for that, nor of a power that stands still: it
    may be steady, and what it feeds may not be the processor.

    Raises:
        SensorAbsent: a counter stands still, or counts what none can.
    """
    period = update_period(sensor, choice)
    limit = Seconds(PERIODS * period)
    if not measures(sensor) or limit > _LONGEST:
        return SensorEvidence()
    limit = max(limit, _LEAST)
    proof, comparison = Proof(choice), CountComparison(period)
    domains: dict[str, None] = {}
    rounds = 0
    begin = time.monotonic()
    while time.monotonic() - begin <= limit or 0 < rounds < _LEAST_ROUNDS:
        readings = _read(sensor)
        now = Seconds(time.monotonic())
        _check_names(readings)
        proof.believed(now, readings)
        comparison.add(now, readings)
        domains |= dict.fromkeys(reading.domain for reading in readings)
        rounds += bool(readings)
        alone = len(readings) == 1 or not isinstance(sensor, EnergySensor)
        if proof.is_decided(readings) and (alone or comparison.is_settled):
            break
        _spin()
    if isinstance(sensor, EnergySensor) and not proof.proven and rounds:
        raise SensorAbsent(_why_not(proof, limit))
    counted = {d: joules for d, joules in comparison.counted().items() if d in proof.proven}
    return SensorEvidence(proof.proven, counted, tuple(domains), proof.doubts)


def _check_names(readings: Sequence[EnergyReading | PowerReading]) -> None:
    """Raises: SensorAbsent."""
    names = Counter(reading.domain for reading in readings)
    for name, times in names.items():
        if times > 1:
            raise SensorAbsent(f"it gives {times} figures of one name, {name}: which is which?")


def _why_not(proof: Proof, limit: Seconds) -> str:
    if _TOO_MUCH in proof.doubts.values():
        return "listed, but not believed: " + "; ".join(
            f"{domain}: {why}" for domain, why in proof.doubts.items()
        )
    return (
        f"listed, but its count stands still: it did not move for {limit:g} s under load, as is "
        "usual in virtual machines"
    )


def _read(sensor: Sensor) -> Sequence[EnergyReading | PowerReading]:
    """Its readings; none where it fails, which its reader tells when it is read for good."""
    try:
        if isinstance(sensor, EnergySensor):
            return sensor.read_energy()
        return sensor.read_power() if isinstance(sensor, PowerSensor) else []
    except SensorFailed:
        return []


def _spin() -> None:
    until = time.monotonic() + _SPIN
    while time.monotonic() < until:
        pass
