"""Energy computed from this process's processor time, where nothing can be measured.

    energy = idle watts x time + watts per busy core x processor time of this process

The coefficients come from the target's TOML and are named in the domain, so that no output shows
the figure without them. Only the service's own time counts: a load generator beside it does not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import EnergyReading, Method, Sensor
from wattscan.settings import check_keys, number, uncertainty
from wattscan.units import Joules, Seconds, Watts, energy


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """Always there; see `contracts.SensorModule.find`.

    Settings: `idle_watts_per_core`, `busy_watts_per_core`, `uncertainty_ratio`.
    """
    check_keys(settings, {"idle_watts_per_core", "busy_watts_per_core", "uncertainty_ratio"})
    cores = os.cpu_count() or 1
    return [
        CpuModel(
            idle=Watts(number(settings, "idle_watts_per_core") * cores),
            busy=Watts(number(settings, "busy_watts_per_core")),
            uncertainty_ratio=uncertainty(settings),
        )
    ]


class CpuModel:
    """A utilisation model of the whole processor."""

    name = "cpu_model"
    method: Method = "modelled"

    def __init__(self, idle: Watts, busy: Watts, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._idle = idle
        self._busy = busy
        self._domain = f"cpu: {idle:.4g} W idle + {busy:.4g} W per busy core"

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading: joules since the machine's monotonic clock began. Does not fail."""
        count = energy(self._idle, Seconds(time.monotonic()))
        count = Joules(count + energy(self._busy, Seconds(time.process_time())))
        return [EnergyReading(self._domain, "chip", count)]
