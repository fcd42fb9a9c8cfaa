"""Smart plugs of Shelly's second generation and later, over their local HTTP interface.

Interface: Shelly's API documentation, "Switch": `Switch.GetStatus` answers `apower` in watts,
`aenergy.total` in watt hours and `temperature.tC` in degrees Celsius. A plug has no time of the
measurement to tell: `aenergy.minute_ts` is the last full minute, and stands still for 60 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.answers import get_json, number_at
from wattscan.contracts import (
    EnergyReading,
    Method,
    PowerReading,
    Sensor,
    SensorAbsent,
    SensorFailed,
    TemperatureReading,
    WattscanError,
)
from wattscan.settings import check_keys, number, whole_number
from wattscan.units import Celsius, Watts, joules_from_watt_hours

_SETTINGS = {"host", "channel", "use", "domain", "uncertainty_ratio"}
# Shelly states no accuracy in its API documentation; users see low loads jump. Calibrate it.
_UNCERTAINTY_RATIO = 0.05


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The plug's power or energy, and its temperature; see `contracts.SensorModule.find`.

    Settings: `host` (with `:port` where it is not 80), `channel` (0, the switch's number), `use`
    (`power`, or `energy` for its coarse counter), `domain` (`inlet`), `uncertainty_ratio` (0.05).
    """
    check_keys(settings, _SETTINGS)
    use = settings.get("use", "power")
    if use not in {"power", "energy"}:
        raise WattscanError(f"use must be power or energy, not {use!r}")
    if not settings.get("host"):
        raise SensorAbsent("no Shelly plug is set: give its address as host in the target's TOML")
    channel = 0 if settings.get("channel", 0) == 0 else whole_number(settings, "channel", 1)
    plug = _Plug(str(settings["host"]), channel)
    ratio = number(settings, "uncertainty_ratio", _UNCERTAINTY_RATIO)
    domain = str(settings.get("domain", "inlet"))
    meter = ShellyEnergy if use == "energy" else ShellyPower
    try:
        status = plug.status()
        number_at(status, meter.field)
    except SensorFailed as error:
        raise SensorAbsent(
            f"the Shelly plug cannot be read: {error}; is it plugged in, of the second "
            "generation or later, with power metering, and its address right?"
        ) from None
    found: list[Sensor] = [meter(plug, domain, ratio)]
    if _has_temperature(status):
        found.append(ShellyTemperature(plug))
    return found


class _Plug:
    """One switch of one plug."""

    def __init__(self, host: str, channel: int) -> None:
        self._host = host
        self._channel = channel

    def status(self) -> Any:
        """Its status document. Raises: SensorFailed."""
        return get_json(self._host, "/rpc/Switch.GetStatus", {"id": str(self._channel)})


def _has_temperature(status: Any) -> bool:
    try:
        number_at(status, ShellyTemperature.field)
    except SensorFailed:
        return False
    return True


class ShellyPower:
    """The plug's active power."""

    name = "shelly"
    field = "apower"

    def __init__(self, plug: _Plug, domain: str, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._plug = plug
        self._domain = domain

    def read_power(self) -> Sequence[PowerReading]:
        """One reading. Raises: SensorFailed."""
        power = Watts(number_at(self._plug.status(), self.field))
        return [PowerReading(self._domain, "system", power)]


class ShellyEnergy:
    """The plug's own energy counter, which it updates rarely."""

    name = "shelly"
    field = "aenergy.total"
    method: Method = "counter"

    def __init__(self, plug: _Plug, domain: str, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._plug = plug
        self._domain = domain

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading. Raises: SensorFailed."""
        count = joules_from_watt_hours(number_at(self._plug.status(), self.field))
        return [EnergyReading(self._domain, "system", count)]


class ShellyTemperature:
    """The temperature inside the plug: not of what it feeds."""

    name = "shelly_temperature"
    field = "temperature.tC"

    def __init__(self, plug: _Plug) -> None:
        self._plug = plug

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading. Raises: SensorFailed."""
        return [TemperatureReading("plug", Celsius(number_at(self._plug.status(), self.field)))]
