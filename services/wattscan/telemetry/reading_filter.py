"""Filters out readings of a source that stands still, or that are less than its device takes.

docs/sensors.md: a reading of 0 is a fault only where the target's TOML gives the source a floor. A
source is frozen when its own time or count stands still for a time that fits its update period, or
its power, where it has no time to tell, for a much longer one: two equal values are no fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from wattscan.contracts import (
    UPDATE_PERIOD,
    EnergyReading,
    PowerReading,
    SensorChoice,
    TemperatureReading,
)
from wattscan.telemetry.integrate import most_power
from wattscan.telemetry.proof import PERIODS
from wattscan.units import Joules, Seconds, Watts, mean_power

FROZEN, BELOW_FLOOR, NEGATIVE, TOO_MUCH = "frozen", "below_floor", "negative", "too_much"
_Reading = TypeVar("_Reading", PowerReading, EnergyReading, TemperatureReading)
# A counter refreshes every 20 to 100 ms: its mean power means little over less.
_COUNTER_WINDOW = Seconds(1.0)
_LEAST_STILL = Seconds(10.0)
# A device that idles may show one power, as coarse as its source tells it, for many readings.
_LEAST_EQUAL, _EQUAL_PERIODS = Seconds(60.0), 100


@dataclass
class _Mark:
    """A source's own time or count, and since when it has been that."""

    value: float
    since: Seconds


class ReadingFilter:
    """Tells readings of one sensor that can be believed from those that cannot."""

    def __init__(self, choice: SensorChoice, update_period: Seconds = UPDATE_PERIOD) -> None:
        self._choice = choice
        still = max(_LEAST_STILL, PERIODS * update_period)
        equal = max(_LEAST_EQUAL, _EQUAL_PERIODS * update_period)
        given = choice.frozen_after
        self._still_after = Seconds(still if given is None else given)
        self._equal_after = Seconds(0.0 if given == 0.0 else max(given or 0.0, equal))
        self._marks: dict[str, _Mark] = {}
        self._counts: dict[str, tuple[Seconds, Joules]] = {}
        self._was_low: dict[str, bool] = {}

    def filter(
        self, now: Seconds, readings: Sequence[_Reading]
    ) -> tuple[list[_Reading], dict[str, str]]:
        """The readings that are believed; of each other one, its domain or zone and the reason."""
        believed: list[_Reading] = []
        doubted: dict[str, str] = {}
        for reading in readings:
            reason = self._reason(now, reading)
            if reason:
                doubted[_name(reading)] = reason
            else:
                believed.append(reading)
        return believed, doubted

    def _reason(
        self, now: Seconds, reading: PowerReading | EnergyReading | TemperatureReading
    ) -> str:
        if isinstance(reading, TemperatureReading):
            still = self._still(reading.zone, now, reading.stamp, self._still_after)
            return FROZEN if still else ""
        floor = self._choice.floors.get(reading.domain)
        if isinstance(reading, PowerReading):
            return self._doubt_of_power(now, reading, floor)
        rests = reading.domain in self._choice.may_be_zero
        if not rests and self._still(reading.domain, now, reading.count, self._still_after):
            return FROZEN
        return BELOW_FLOOR if floor is not None and self._low(now, reading, floor) else ""

    def _doubt_of_power(self, now: Seconds, reading: PowerReading, floor: Watts | None) -> str:
        if reading.power < 0:
            return NEGATIVE
        if reading.power > most_power(reading.scope):
            return TOO_MUCH
        if self._power_stands(now, reading):
            return FROZEN
        return BELOW_FLOOR if floor is not None and reading.power < floor else ""

    def _power_stands(self, now: Seconds, reading: PowerReading) -> bool:
        if reading.stamp is not None:
            return self._still(reading.domain, now, reading.stamp, self._still_after)
        rests = reading.power == 0.0 and reading.domain in self._choice.may_be_zero
        still = self._still(reading.domain, now, reading.power, self._equal_after)
        return still and not rests

    def _still(self, name: str, now: Seconds, value: float | None, after: Seconds) -> bool:
        if value is None or not after:
            return False
        mark = self._marks.get(name)
        if mark is None or mark.value != value:
            self._marks[name] = _Mark(value, now)
            return False
        return now - mark.since > after

    def _low(self, now: Seconds, reading: EnergyReading, floor: Watts) -> bool:
        since, count = self._counts.setdefault(reading.domain, (now, reading.count))
        # A coarse counter may not move for long: standing still is another fault.
        if now - since >= _COUNTER_WINDOW and reading.count != count:
            power = mean_power(Joules(reading.count - count), Seconds(now - since))
            # One that has gone back is the integration's business.
            self._was_low[reading.domain] = 0 <= power < floor
            self._counts[reading.domain] = (now, reading.count)
        return self._was_low.get(reading.domain, False)


def _name(reading: PowerReading | EnergyReading | TemperatureReading) -> str:
    return reading.zone if isinstance(reading, TemperatureReading) else reading.domain


EXPLAINED = {
    NEGATIVE: "it shows a power below zero: is the meter connected the wrong way round?",
    TOO_MUCH: "it shows more power than any device takes",
    FROZEN: "its time, its count or its power stands still",
    BELOW_FLOOR: "it shows less power than the target's floor_watts",
}
