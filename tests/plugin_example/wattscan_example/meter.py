"""A power meter whose driver shows microwatts in a file of sysfs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import PowerReading, Sensor, SensorAbsent, SensorFailed
from wattscan.settings import check_keys, text
from wattscan.units import Seconds, watts_from_microwatts


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """The meter, where its driver is loaded. Settings: `domain` (`input`), what it covers."""
    check_keys(settings, {"domain"})
    file = sysfs / "class" / "example_meter" / "power_uw"
    if not file.is_file():
        raise SensorAbsent(f"there is no {file}: is the driver example_meter loaded?")
    return [Meter(file, text(settings, "domain", "input"))]


class Meter:
    """Power, which the sampler integrates."""

    name = "example-meter"
    # From the meter's data sheet: 2 % of the reading, as a standard uncertainty.
    uncertainty_ratio = 0.02
    # How often the device renews its figure.
    update_period = Seconds(0.02)

    def __init__(self, file: Path, domain: str) -> None:
        self._file = file
        self._domain = domain

    def read_power(self) -> Sequence[PowerReading]:
        """One domain. Raises: SensorFailed."""
        try:
            shown = self._file.read_text()
        except FileNotFoundError:
            raise SensorFailed("gone", f"{self._file} has gone") from None
        except OSError as error:
            raise SensorFailed("unreadable", f"{self._file}: {error.strerror}") from None
        try:
            power = watts_from_microwatts(float(shown))
        except ValueError:
            raise SensorFailed("garbage", f"{self._file} shows {shown[:40]!r}") from None
        return [PowerReading(self._domain, "system", power)]
