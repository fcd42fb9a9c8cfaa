"""Temperatures of a Mac from the log that TG Pro (Tunabelly Software) writes.

The log is a CSV file: a header row that names the sensors, and rows that begin with their date and
time. Columns of fans and percentages are left out. A column's own unit, where its name says one
(`CPU (F)`), comes before the setting.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from wattscan.contracts import Sensor, SensorAbsent, SensorFailed, TemperatureReading
from wattscan.device_http import finite
from wattscan.settings import check_keys, one_of, text
from wattscan.units import Celsius, celsius_from_fahrenheit

_SETTINGS = {"file", "unit"}
_UNITS = ("C", "F")
_CHUNK = 64 * 1024
_NO_TEMPERATURE = re.compile(r"\bfans?\b|\brpm\b|%", re.IGNORECASE)
_OWN_UNIT = re.compile(r"°\s*([CF])\b|[(\[]\s*([CF])\s*[)\]]")
_TRAILING_UNIT = re.compile(r"\s*°?\s*[CF]?\s*$")
# The forms that macOS gives a date in CSV, by region; ISO's come first, without a list.
_TIMES = ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%y %I:%M:%S %p", "%d.%m.%y %H:%M:%S")


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The log's sensors; see `contracts.SensorModule.find`.

    Settings: `file` (the log), `unit` (`C` or `F`: TG Pro's own setting; `C`).
    """
    check_keys(settings, _SETTINGS)
    unit = one_of(settings, "unit", _UNITS, "C")
    file = text(settings, "file")
    if not file:
        raise SensorAbsent(
            "no log of TG Pro is set: switch logging on in TG Pro, and give the log as file in "
            "the target's TOML"
        )
    sensor = TgProSensor(Path(file).expanduser(), unit)
    try:
        sensor.read_temperature()
    except SensorFailed as error:
        raise SensorAbsent(
            f"TG Pro's log cannot be read: {error}; is its logging on?", awaited=True
        ) from None
    return [sensor]


class TgProSensor:
    """The last row of the log."""

    name = "tgpro"

    def __init__(self, file: Path, unit: str) -> None:
        self._file = file
        self._unit = unit

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a column. Raises: SensorFailed: `gone`, `permission`, `garbage`, ..."""
        header, row, place = _first_and_last_row(self._file)
        dialect = _delimiter(header)
        try:
            names, cells = csv.reader([header, row], delimiter=dialect)
        except (csv.Error, ValueError):
            raise SensorFailed("garbage", f"{self._file.name} is not CSV") from None
        if len(names) != len(cells) or len(names) < 2:
            raise SensorFailed("garbage", f"{self._file.name}: row and header differ in length")
        # A time in a form that is not known still has a place, which moves as rows come.
        stamp = _time(cells[0])
        readings = [
            TemperatureReading(name.strip(), value, place if stamp is None else stamp)
            for name, cell in zip(names[1:], cells[1:], strict=True)
            if (value := self._celsius(name, cell, dialect)) is not None
        ]
        if not readings:
            raise SensorFailed("garbage", f"{self._file.name}: no column holds a temperature")
        return readings

    def _celsius(self, name: str, cell: str, delimiter: str) -> Celsius | None:
        text = _TRAILING_UNIT.sub("", cell)
        # An empty cell is a sensor that sleeps; where rows have semicolons, numbers have commas.
        if _NO_TEMPERATURE.search(name) or not text.strip(" -"):
            return None
        value = finite(text.replace(",", ".") if delimiter == ";" else text, name.strip())
        own = _OWN_UNIT.search(name)
        unit = (own[1] or own[2]) if own else self._unit
        return celsius_from_fahrenheit(value) if unit == "F" else Celsius(value)


def _first_and_last_row(file: Path) -> tuple[str, str, float]:
    """The header, the last row that is whole, and where in the file that row ends."""
    try:
        if file.exists() and not file.is_file():  # a FIFO would never answer
            raise SensorFailed("unreadable", f"{file.name} is no file")
        with file.open("rb") as opened:
            head = opened.read(_CHUNK)
            start = max(0, opened.seek(0, os.SEEK_END) - _CHUNK)
            opened.seek(start)
            tail = opened.read(_CHUNK)
    except FileNotFoundError:
        raise SensorFailed("gone", f"{file.name} is not there") from None
    except PermissionError:
        raise SensorFailed("permission", f"{file.name} may not be read") from None
    except OSError as error:
        raise SensorFailed("unreadable", f"{file.name}: {error.strerror}") from None
    # What follows the last line feed is still being written.
    end = tail.rfind(b"\n") + 1
    rows = [line for line in tail[:end].splitlines() if line.strip()]
    header = head.split(b"\n", 1)[0].strip()
    if not rows or rows[-1].strip() == header:
        raise SensorFailed("empty", f"{file.name} has no row yet")
    try:
        return header.decode("utf-8-sig"), rows[-1].decode("utf-8"), float(start + end)
    except UnicodeDecodeError:
        raise SensorFailed("garbage", f"{file.name} is not UTF-8") from None


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _time(text: str) -> float | None:
    """Seconds; of which time zone does not matter to a stamp."""
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    for form in _TIMES:
        try:
            return datetime.strptime(text.strip().replace(",", ""), form).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return None
