"""Which of a target's sensors are on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from wattscan import plugins
from wattscan.aside import TookTooLong, aside
from wattscan.contracts import (
    EnergySensor,
    PowerSensor,
    Sensor,
    SensorAbsent,
    SensorChoice,
    Target,
    TemperatureSensor,
    WattscanError,
)
from wattscan.telemetry.parts import KnownDomains, device_of
from wattscan.telemetry.proof import SensorEvidence, is_modelled, measures, prove
from wattscan.units import Seconds

SEARCH_TIMEOUT = Seconds(10.0)
"""For one entry's search and proof. NVIDIA's library and Apple's take 3 to 5 s to start."""

_UNKNOWN = SensorEvidence()
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class FoundSensor:
    """A sensor that is here, the entry of the target's TOML that asked for it, and what was seen of
    it when it was found."""

    sensor: Sensor
    choice: SensorChoice
    evidence: SensorEvidence = _UNKNOWN

    @property
    def is_partial(self) -> bool:
        """Whether some of its domains are proven, and a part of its device is missing."""
        seen = self.evidence
        present = seen.proven | self.choice.may_be_zero
        device = device_of(
            self.sensor, KnownDomains(seen.domains, seen.proven, present, seen.counted, seen.doubts)
        )
        return bool(seen.proven) and bool(device.lacking)

    @property
    def is_whole(self) -> bool:
        """Whether it measures, and its device is proven."""
        return measures(self.sensor) and bool(self.evidence.proven) and not self.is_partial


@dataclass(frozen=True)
class Found:
    """The sensors that are here, in order of preference, and why each other one is not.

    `awaited` are those of the absent ones that may come yet.
    """

    sensors: tuple[FoundSensor, ...]
    absent: dict[str, str]
    awaited: tuple[SensorChoice, ...] = ()


def discover(target: Target, sysfs: Path) -> Found:
    """Look for the target's sensors, and have each source of power or energy move.

    A counter that stands still is absent, and the next source takes its place. One whose search
    takes longer than `SEARCH_TIMEOUT` is awaited. A `modelled` source is left out when a measured
    one is proven whole: it is for when nothing measures, and while nothing is proven to.

    Raises:
        WattscanError: a sensor's settings are wrong.
    """
    sensors: list[FoundSensor] = []
    absent: dict[str, str] = {}
    awaited: list[SensorChoice] = []
    for choice in target.sensors:
        if any(each.choice.name == choice.unless and not each.is_partial for each in sensors):
            absent[choice.name] = f"not needed: {choice.unless} is here"
            continue
        try:
            here, standing = _look_with_patience(choice, sysfs)
            sensors += here
            absent |= standing
            awaited += [choice] * more_may_come(choice)
        except SensorAbsent as reason:
            absent[choice.name] = str(reason)
            awaited += [choice] * reason.awaited
        except WattscanError as error:
            raise WattscanError(f"target {target.name}, sensor {choice.name}: {error}") from None
        except Exception as error:  # a driver's bug must not keep the others from being found
            absent[choice.name] = f"its driver failed: {type(error).__name__}: {error}"
    if any(each.is_whole for each in sensors):
        for each in [s for s in sensors if is_modelled(s.sensor)]:
            absent[each.sensor.name] = "not needed: power or energy is measured here"
            sensors.remove(each)
    return Found(tuple(sensors), absent, tuple(awaited))


def look(choice: SensorChoice, sysfs: Path) -> list[FoundSensor]:
    """What one entry of the target finds. Raises: SensorAbsent, and whatever the driver does."""
    found: Sequence[Sensor] = plugins.sensor(choice.name).find(choice.settings, sysfs)
    for sensor in found:
        if not isinstance(sensor, EnergySensor | PowerSensor | TemperatureSensor):
            raise TypeError(
                f"{type(sensor).__name__} is no sensor: it lacks a name, an uncertainty_ratio or a "
                "way to be read (docs/plugins.md)"
            )
    return [FoundSensor(sensor, choice) for sensor in found]


def _prove(found: Sequence[FoundSensor]) -> tuple[list[FoundSensor], dict[str, str]]:
    """Those that are not proven to stand still, and why each other one is not here."""
    kept: list[FoundSensor] = []
    standing: dict[str, str] = {}
    for each in found:
        try:
            kept.append(replace(each, evidence=prove(each.sensor, each.choice)))
        except SensorAbsent as reason:
            standing[each.sensor.name] = str(reason)
    return kept, standing


def more_may_come(choice: SensorChoice) -> bool:
    """Whether an entry that has found something may find more later; see `SensorModule`."""
    return bool(getattr(plugins.sensor(choice.name), "MORE_MAY_COME", False))


def _look_with_patience(
    choice: SensorChoice, sysfs: Path
) -> tuple[list[FoundSensor], dict[str, str]]:
    return patiently(choice.name, lambda: _prove(look(choice, sysfs)))


def patiently(name: str, ask: Callable[[], _Answer]) -> _Answer:
    """What a sensor's driver answers, asked on a thread that may be left behind: signals are
    answered meanwhile.

    Raises:
        SensorAbsent: it takes longer than `SEARCH_TIMEOUT`, or it would have ended the process.
            Else whatever the driver raises.
    """
    try:
        answer = aside(f"look for {name}", ask, SEARCH_TIMEOUT)
    except TookTooLong:
        raise SensorAbsent(
            f"to look for it takes more than {SEARCH_TIMEOUT:g} s", awaited=True
        ) from None
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, BaseException):  # it would end the process
        raise SensorAbsent(f"its driver failed: it raised {type(answer).__name__}")
    return answer
