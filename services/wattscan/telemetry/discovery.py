"""Which of a target's sensors are on this machine."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wattscan import plugins
from wattscan.contracts import (
    EnergySensor,
    PowerSensor,
    Sensor,
    SensorAbsent,
    SensorChoice,
    Target,
    WattscanError,
)
from wattscan.units import Seconds

PATIENCE = Seconds(10.0)
"""For one entry's search. NVIDIA's library and Apple's take 3 to 5 s to start."""


@dataclass(frozen=True)
class FoundSensor:
    """A sensor that is here, and the entry of the target's TOML that asked for it."""

    sensor: Sensor
    choice: SensorChoice


@dataclass(frozen=True)
class Found:
    """The sensors that are here, in order of preference, and why each other one is not.

    `awaited` are those of the absent ones that may come yet.
    """

    sensors: tuple[FoundSensor, ...]
    absent: dict[str, str]
    awaited: tuple[SensorChoice, ...] = ()


def discover(target: Target, sysfs: Path) -> Found:
    """Look for the target's sensors. One whose search takes longer than `PATIENCE` is awaited.

    A `modelled` source is left out when something measures: it is there for when nothing does.

    Raises:
        WattscanError: a sensor's settings are wrong.
    """
    sensors: list[FoundSensor] = []
    absent: dict[str, str] = {}
    awaited: list[SensorChoice] = []
    for choice in target.sensors:
        if any(each.choice.name == choice.unless for each in sensors):
            absent[choice.name] = f"not needed: {choice.unless} is here"
            continue
        try:
            sensors += _look_with_patience(choice, sysfs)
            awaited += [choice] * more_may_come(choice)
        except SensorAbsent as reason:
            absent[choice.name] = str(reason)
            awaited += [choice] * reason.awaited
        except WattscanError as error:
            raise WattscanError(f"target {target.name}, sensor {choice.name}: {error}") from None
        except Exception as error:  # a driver's bug must not keep the others from being found
            absent[choice.name] = f"its driver failed: {type(error).__name__}: {error}"
    if any(_measures(each.sensor) for each in sensors):
        for each in [s for s in sensors if _modelled(s.sensor)]:
            absent[each.sensor.name] = "not needed: power or energy is measured here"
            sensors.remove(each)
    return Found(tuple(sensors), absent, tuple(awaited))


def look(choice: SensorChoice, sysfs: Path) -> list[FoundSensor]:
    """What one entry of the target finds. Raises: SensorAbsent, and whatever the driver does."""
    found: Sequence[Sensor] = plugins.sensor(choice.name).find(choice.settings, sysfs)
    return [FoundSensor(sensor, choice) for sensor in found]


def more_may_come(choice: SensorChoice) -> bool:
    """Whether an entry that has found something may find more later; see `SensorModule`."""
    return bool(getattr(plugins.sensor(choice.name), "MORE_MAY_COME", False))


def _look_with_patience(choice: SensorChoice, sysfs: Path) -> list[FoundSensor]:
    """As `look`, on a thread that may be left behind: signals are answered meanwhile."""
    answers: queue.SimpleQueue[list[FoundSensor] | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(look(choice, sysfs))
        except BaseException as error:  # the driver's, whatever it is
            answers.put(error)

    threading.Thread(target=run, name=f"look for {choice.name}", daemon=True).start()
    try:
        answer = answers.get(timeout=PATIENCE)
    except queue.Empty:
        raise SensorAbsent(f"to look for it takes more than {PATIENCE:g} s", awaited=True) from None
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, BaseException):  # it would end the process
        raise SensorAbsent(f"its driver failed: it raised {type(answer).__name__}")
    return answer


def _modelled(sensor: Sensor) -> bool:
    return isinstance(sensor, EnergySensor) and sensor.method == "modelled"


def _measures(sensor: Sensor) -> bool:
    return isinstance(sensor, PowerSensor | EnergySensor) and not _modelled(sensor)
