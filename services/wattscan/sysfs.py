"""Reading sysfs: numbers in text files, any of which can vanish or hold garbage at any time."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from wattscan.contracts import SensorFailed
from wattscan.settings import MOST

_PAGE = 4096  # bytes: sysfs gives a page at most
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


def read_label(file: Path) -> str:
    """The file's text, stripped; empty where there is none."""
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def read_int(file: Path) -> int:
    """The number in the file. Raises: SensorFailed: `permission`, `unreadable` or `garbage`."""
    try:
        number = int(_read(file))
    except PermissionError:
        raise SensorFailed("permission", f"{file} may not be read") from None
    except OSError as error:
        raise SensorFailed("unreadable", f"{file}: {error.strerror}") from None
    except ValueError:
        raise SensorFailed("garbage", f"{file} does not hold a number") from None
    if abs(number) > MOST:  # in whatever unit, a driver's error
        raise SensorFailed("garbage", f"{file} holds a number beyond {MOST:g}")
    return number


def _read(file: Path) -> bytes:
    # Not through Python's text files: a processor that was just woken takes half as long for this.
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return os.read(descriptor, _PAGE)
    finally:
        os.close(descriptor)


def read_available(files: Mapping[str, Path]) -> dict[str, int]:
    """The numbers of the files that can be read now. Raises: SensorFailed, when none can."""
    return available({label: partial(read_int, file) for label, file in files.items()})


def available(reads: Mapping[_Key, Callable[[], _Value]]) -> dict[_Key, _Value]:
    """What can be read now: one chip asleep does not silence the others.

    Raises: SensorFailed, when nothing can.
    """
    values: dict[_Key, _Value] = {}
    failure: SensorFailed | None = None
    for key, read in reads.items():
        try:
            values[key] = read()
        except SensorFailed as error:
            failure = error
    if failure and not values:
        raise failure
    return values
