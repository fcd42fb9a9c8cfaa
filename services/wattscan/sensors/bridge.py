"""Readings that other programs hand over as text files: thermal cameras, loggers, scripts.

The format is `wattscan.textfile`'s; `wattscan sensors push` writes it, and so may anything else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from wattscan import textfile
from wattscan.contracts import (
    EnergyReading,
    Method,
    PowerReading,
    Sensor,
    SensorAbsent,
    SensorFailed,
    TemperatureReading,
)
from wattscan.settings import check_keys, number, text, uncertainty
from wattscan.units import Seconds

_SETTINGS = {"folder", "stale_after_seconds", "uncertainty_ratio"}
_STALE_AFTER = Seconds(10.0)
# What is handed over does not say; 5 % is what regulators' telemetry commonly states.
_UNCERTAINTY_RATIO = 0.05
MORE_MAY_COME = True  # a camera's temperature first, and a meter's power later
_HINT = "fill it with: wattscan sensors push"

_Kind = TypeVar("_Kind", PowerReading, EnergyReading, TemperatureReading)


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """Energy, power and temperatures, as far as the folder holds such; see `SensorModule.find`.

    Settings: `folder`, `stale_after_seconds` (10) since a file's last change,
    `uncertainty_ratio` (0.05).
    """
    check_keys(settings, _SETTINGS)
    stale_after = Seconds(number(settings, "stale_after_seconds", _STALE_AFTER))
    ratio = uncertainty(settings, _UNCERTAINTY_RATIO)
    path = text(settings, "folder")
    if not path:
        raise SensorAbsent(f"no folder of readings is set: give folder in the TOML, and {_HINT}")
    folder = _Folder(Path(path), stale_after)
    try:
        readings, failure = folder.readings()
    except SensorFailed as error:
        readings, failure = [], error
    kinds = {type(reading) for reading in readings}
    found: list[Sensor] = []
    if EnergyReading in kinds:
        found.append(BridgeEnergy(folder, ratio))
    if PowerReading in kinds:
        found.append(BridgePower(folder, ratio))
    if TemperatureReading in kinds:
        found.append(BridgeTemperature(folder))
    if not found:
        raise SensorAbsent(
            f"nothing can be read from {folder.path}: {failure}; {_HINT}", awaited=True
        )
    return found


class _Folder:
    """The files of one folder."""

    def __init__(self, path: Path, stale_after: Seconds) -> None:
        self.path = path
        self.stale_after = stale_after
        self._seen: dict[Path, tuple[Seconds, float]] = {}
        """Of each file, its last change in Unix time, and when that was by the monotonic clock."""

    def readings(self) -> tuple[list[textfile.Reading], SensorFailed]:
        """Those of all files that can be read now, and why there are no more.

        One logger's end does not silence the others. Raises: SensorFailed: `permission`.
        """
        try:
            files = sorted(f for f in self.path.glob(f"*{textfile.SUFFIX}") if f.is_file())
        except OSError as error:
            raise SensorFailed("permission", f"the folder: {error.strerror}") from None
        self._seen = {file: seen for file, seen in self._seen.items() if file in files}
        readings: list[textfile.Reading] = []
        failure = SensorFailed("gone", f"no *{textfile.SUFFIX} file gives it")
        for file in files:
            try:
                readings += self._fresh(file)
            except SensorFailed as error:
                failure = error
        return readings, failure

    def of_kind(self, kind: type[_Kind]) -> list[_Kind]:
        """The readings of one kind. Raises: SensorFailed."""
        readings, failure = self.readings()
        found: list[_Kind] = [reading for reading in readings if isinstance(reading, kind)]
        if not found:
            raise failure
        if len({_name(reading) for reading in found}) < len(found):
            raise SensorFailed("garbage", "two files give a reading of one name")
        return found

    def _fresh(self, file: Path) -> list[textfile.Reading]:
        readings, changed = textfile.read(file)
        age = self._age(file, changed)
        if age > self.stale_after:
            raise SensorFailed("stale", f"{file.name} has not changed for {age:.0f} s")
        # A reading that is handed over anew has moved, though its figure may not have.
        return [_stamped(reading, changed) for reading in readings]

    def _age(self, file: Path, changed: Seconds) -> float:
        now = time.monotonic()
        before, since = self._seen.get(file, (None, now))
        if changed != before:
            # Only now is the wall clock asked: set back, it would keep a dead logger fresh.
            since = now - max(0.0, time.time() - changed)
            self._seen[file] = (changed, since)
        return now - since


def _stamped(reading: textfile.Reading, changed: Seconds) -> textfile.Reading:
    if isinstance(reading, PowerReading) and reading.stamp is None:
        return replace(reading, stamp=changed)
    return reading


def _name(reading: textfile.Reading) -> str:
    return reading.zone if isinstance(reading, TemperatureReading) else reading.domain


class BridgePower:
    """Power that others measure."""

    name = "bridge"

    def __init__(self, folder: _Folder, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        # Whoever hands over does so before it counts as stale.
        self.update_period = folder.stale_after
        self._folder = folder

    def read_power(self) -> Sequence[PowerReading]:
        """One reading a domain. Raises: SensorFailed."""
        return self._folder.of_kind(PowerReading)


class BridgeEnergy:
    """Energy that others count."""

    name = "bridge_energy"
    method: Method = "counter"

    def __init__(self, folder: _Folder, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        # Whoever hands over does so before it counts as stale.
        self.update_period = folder.stale_after
        self._folder = folder

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading a domain. Raises: SensorFailed."""
        return self._folder.of_kind(EnergyReading)


class BridgeTemperature:
    """Temperatures that others measure. A camera's is of a surface, not of the die."""

    name = "bridge_temperature"

    def __init__(self, folder: _Folder) -> None:
        self.update_period = folder.stale_after
        self._folder = folder

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a zone. Raises: SensorFailed."""
        return self._folder.of_kind(TemperatureReading)
