"""A power meter that does what files in its control folder say, beside one that works.

`sensor-exit`: it raises SystemExit. `sensor-memory`: MemoryError. `sensor-block`: it does not come
back until the file has gone. Else it reads 2 W, and the other one 3 W.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import PowerReading, Sensor
from wattscan.units import Watts


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """Always there. `settings`: `folder`, where it is controlled from; `first`, which one is."""
    found = [Steady(), Unsteady(Path(settings["folder"]))]
    return found if settings["first"] == Steady.name else found[::-1]


class Steady:
    """A meter that works."""

    name = "steady"
    uncertainty_ratio = 0.1

    def read_power(self) -> Sequence[PowerReading]:
        """3 W."""
        return [PowerReading("socket", "system", Watts(3.0), time.monotonic())]


class Unsteady:
    """See the module."""

    name = "unsteady"
    uncertainty_ratio = 0.1

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_power(self) -> Sequence[PowerReading]:
        """As the files say."""
        if (self._folder / "sensor-exit").exists():
            raise SystemExit("the driver ends the process")
        if (self._folder / "sensor-memory").exists():
            raise MemoryError
        while (self._folder / "sensor-block").exists():
            time.sleep(0.005)
        return [PowerReading("rail", "rail", Watts(2.0), time.monotonic())]
