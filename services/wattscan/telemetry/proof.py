"""Which sources are believed: only those whose figure has been seen to move.

A kernel in a virtual machine may list counters that count nothing, and a driver may repeat one
figure for ever. A source that has not moved yet feeds no series, no table and no response.
"""

from __future__ import annotations

import time
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
from wattscan.telemetry.integrate import most_power
from wattscan.units import Joules, Seconds, energy

PERIODS = 5
"""A source that has not moved for so many of its update periods stands still."""

# The wait for one source at the start: on a busy machine a quick one may come late, and a slow one
# is proven while it is read.
_LEAST, _LONGEST = Seconds(1.0), Seconds(3.0)
# Two counters are told apart, or found to be one, by what they count over this time.
_TO_COMPARE = Seconds(0.25)
_SPIN = Seconds(0.005)
# A machine that stalls may let the time pass between two readings.
_LEAST_ROUNDS = 10


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

    def __init__(self, choice: SensorChoice, proven: Iterable[str] = ()) -> None:
        """`proven`: the domains that have been seen to move before."""
        self._may_be_zero = choice.may_be_zero
        self._proven = set(proven)
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
        known = self._proven | self._may_be_zero if self._proven else self._proven
        return [reading for reading in readings if reading.domain in known]

    def is_decided(self, readings: Iterable[EnergyReading | PowerReading]) -> bool:
        """Whether nothing more is to be learnt of these domains."""
        domains = {reading.domain for reading in readings}
        return bool(self._proven) and domains <= self._proven | self._may_be_zero

    def _moved(self, now: Seconds, reading: EnergyReading | PowerReading) -> bool:
        then, first = self._first.setdefault(reading.domain, (now, reading))
        if isinstance(reading, PowerReading) and isinstance(first, PowerReading):
            if not 0 < reading.power <= most_power(reading.scope):
                return False
            return (reading.power, reading.stamp) != (first.power, first.stamp)
        if isinstance(reading, EnergyReading) and isinstance(first, EnergyReading):
            counted = reading.count - first.count
            if 0 <= counted <= energy(most_power(reading.scope), Seconds(now - then)):
                return counted > 0
        # It was reset, or it jumped by more than any device takes: it is watched anew.
        self._first[reading.domain] = (now, reading)
        return False


@dataclass(frozen=True)
class Evidence:
    """What was seen of a sensor at the start.

    `proven` are the domains that moved; `counted` is what each of them counted over one and the
    same time, empty for power.
    """

    proven: frozenset[str] = frozenset()
    counted: Mapping[str, Joules] = field(default_factory=dict)


def prove(sensor: Sensor, choice: SensorChoice) -> Evidence:
    """Watch a source under a busy loop until it moves, for as long as fits its update period.

    Nothing is decided of a source that is too slow for that, nor of a power that stands still: it
    may be steady, and what it feeds may not be the processor.

    Raises:
        SensorAbsent: a counter stands still.
    """
    limit = Seconds(PERIODS * update_period(sensor, choice))
    if not measures(sensor) or limit > _LONGEST:
        return Evidence()
    limit = max(limit, _LEAST)
    proof = Proof(choice)
    rounds: list[Mapping[str, Joules]] = []
    begin = time.monotonic()
    while (elapsed := time.monotonic() - begin) <= limit or 0 < len(rounds) < _LEAST_ROUNDS:
        readings = _read(sensor)
        proof.believed(Seconds(time.monotonic()), readings)
        if readings:
            rounds.append({r.domain: r.count for r in readings if isinstance(r, EnergyReading)})
        if proof.is_decided(readings) and (len(readings) == 1 or elapsed >= _TO_COMPARE):
            break
        _spin()
    if isinstance(sensor, EnergySensor) and not proof.proven and any(rounds):
        raise SensorAbsent(
            f"listed, but its count stands still: it did not move for {limit:g} s under load, as "
            "is usual in virtual machines"
        )
    return Evidence(proof.proven, _counted(rounds, proof.proven))


def _read(sensor: Sensor) -> Sequence[EnergyReading | PowerReading]:
    """Its readings; none where it fails, which its reader tells when it is read for good."""
    try:
        if isinstance(sensor, EnergySensor):
            return sensor.read_energy()
        return sensor.read_power() if isinstance(sensor, PowerSensor) else []
    except SensorFailed:
        return []


def _counted(rounds: Sequence[Mapping[str, Joules]], proven: frozenset[str]) -> dict[str, Joules]:
    whole = [counts for counts in rounds if counts.keys() >= proven]
    if not whole:
        return {}
    first, last = whole[0], whole[-1]
    # One that was reset meanwhile is compared with nothing.
    return {d: Joules(max(0.0, last[d] - first[d])) for d in last if d in proven and d in first}


def _spin() -> None:
    until = time.monotonic() + _SPIN
    while time.monotonic() < until:
        pass
