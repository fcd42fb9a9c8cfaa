"""Sensors: three Protocols, for energy, power and temperature, and their readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from wattscan.contracts.types import Method, Scope
from wattscan.units import Celsius, Joules, Seconds, Watts


@dataclass(frozen=True)
class PowerReading:
    """The power of one domain at the moment of reading.

    `stamp` is the source's own time or count of the measurement, in whatever unit, where it has
    one: a source whose stamp stands still is frozen. None: it has none.
    """

    domain: str
    scope: Scope
    power: Watts
    stamp: float | None = None


@dataclass(frozen=True)
class EnergyReading:
    """The count of one domain's energy counter.

    `wraps_at` is the count at which the counter starts again at zero, or None.
    """

    domain: str
    scope: Scope
    count: Joules
    wraps_at: Joules | None = None


@dataclass(frozen=True)
class TemperatureReading:
    """The temperature of one zone at the moment of reading. `stamp`: as of a `PowerReading`."""

    zone: str
    temperature: Celsius
    stamp: float | None = None


@runtime_checkable
class PowerSensor(Protocol):
    """A source of instantaneous power, which the sampler integrates."""

    name: str
    uncertainty_ratio: float

    def read_power(self) -> Sequence[PowerReading]:
        """Raises: SensorFailed."""
        ...


@runtime_checkable
class EnergySensor(Protocol):
    """A source that counts energy itself (`counter`) or computes it (`modelled`)."""

    name: str
    method: Method
    uncertainty_ratio: float

    def read_energy(self) -> Sequence[EnergyReading]:
        """Raises: SensorFailed."""
        ...


@runtime_checkable
class TemperatureSensor(Protocol):
    """A source of temperatures."""

    name: str

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """Raises: SensorFailed."""
        ...


@runtime_checkable
class Throttling(Protocol):
    """What a sensor adds that also tells whether its device limits its clock."""

    def throttled(self) -> bool:
        """Whether it does now, for heat or for power. Raises: SensorFailed."""
        ...


@runtime_checkable
class MaxInterval(Protocol):
    """The longest interval between reads, for a sensor that must be read often."""

    longest_interval: Seconds
    """Kept unless the sensor's entry in the target's TOML says otherwise."""


@runtime_checkable
class Updating(Protocol):
    """What a sensor adds that says how often its source renews its figure."""

    update_period: Seconds
    """The longest time between two renewals. Without it: `UPDATE_PERIOD`."""


UPDATE_PERIOD = Seconds(1.0)
"""How often a source is taken to renew its figure where its sensor does not say."""


@runtime_checkable
class Covering(Protocol):
    """What a sensor adds whose device may be more than its first domain: two sockets, two GPUs."""

    def device_domains(self, moved: Mapping[str, Joules]) -> Sequence[str]:
        """The domains whose sum is the device. None of them overlaps another; one that has not
        moved may be among them: without it the sensor does not stand for its device.

        Args:
            moved: the domains that are proven, in their order, each with what it has counted over
                one and the same time; 0 where that is not known.
        """
        ...


@runtime_checkable
class Listing(Protocol):
    """What a sensor adds that knows of domains which it cannot read now."""

    unreadable: Mapping[str, str]
    """Domain -> why it cannot be read."""


Sensor: TypeAlias = PowerSensor | EnergySensor | TemperatureSensor


class SensorModule(Protocol):
    """A module under `sensors/`.

    Where `MORE_MAY_COME` is true in it, a later `find` may give more sensors than the first.
    """

    def find(self, settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
        """Look for the sensor on this machine.

        Args:
            settings: the sensor's `[[sensors]]` table of the target's TOML.
            sysfs: the root of sysfs, `/sys` unless it is mounted elsewhere.

        Raises:
            SensorAbsent: it is not here, and why.
        """
        ...


@runtime_checkable
class Verifiable(Protocol):
    """What a sensor module adds whose devices can be checked against themselves."""

    def gauges(self, settings: Mapping[str, Any]) -> Sequence[PowerSensor]:
        """The power of the devices whose energy `find` counts. Raises: SensorAbsent."""
        ...

    def device_facts(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The driver's version (`driver`), and each device's name by its domain; what the driver
        does not tell is left out. Raises: SensorAbsent."""
        ...
