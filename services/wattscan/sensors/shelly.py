"""Smart plugs of Shelly's second generation and later, over their local HTTP interface.

Interface: Shelly's API documentation, "Switch": `Switch.GetStatus` answers `apower` in watts,
`aenergy.total` in watt hours and `temperature.tC` in degrees Celsius. A plug has no time of the
measurement to tell: `aenergy.minute_ts` is the last full minute, and stands still for 60 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattscan.contracts import Sensor, SensorAbsent, SensorFailed, TemperatureReading
from wattscan.device_http import get_json, host_of, number_at
from wattscan.inlet import InletEnergy, InletPower, counts, domain_of
from wattscan.settings import check_keys, uncertainty, whole_number
from wattscan.units import Celsius, Joules, Seconds, Watts, joules_from_watt_hours

_SETTINGS = {"host", "channel", "use", "domain", "uncertainty_ratio"}
# Shelly states no accuracy in its API documentation; users see low loads jump. Calibrate it.
_UNCERTAINTY_RATIO = 0.05
# Users see the count move once a minute.
_COUNT_PERIOD = Seconds(60.0)
_NAME = "shelly"
_POWER, _TOTAL, _TEMPERATURE = "apower", "aenergy.total", "temperature.tC"


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The plug's power or energy, and its temperature; see `contracts.SensorModule.find`.

    Settings: `host` (with `:port` where it is not 80), `channel` (0, the switch's number), `use`
    (`power`, or `energy` for its coarse counter), `domain` (`inlet`), `uncertainty_ratio` (0.05).
    """
    check_keys(settings, _SETTINGS)
    counter = counts(settings)
    host = host_of(settings)
    if not host:
        raise SensorAbsent("no Shelly plug is set: give its address as host in the target's TOML")
    channel = 0 if settings.get("channel", 0) == 0 else whole_number(settings, "channel", 1)
    plug = _Plug(host, channel)
    told = (_NAME, domain_of(settings), uncertainty(settings, _UNCERTAINTY_RATIO))
    try:
        status = plug.status()
        number_at(status, _TOTAL if counter else _POWER)
    except SensorFailed as error:
        raise SensorAbsent(
            f"the Shelly plug cannot be read: {error}; is it plugged in, of the second "
            "generation or later, with power metering, and its address right?",
            awaited=True,
        ) from None
    meter = (
        InletEnergy(*told, plug.energy, _COUNT_PERIOD) if counter else InletPower(*told, plug.power)
    )
    return [meter, ShellyTemperature(plug)] if _has_temperature(status) else [meter]


class _Plug:
    """One switch of one plug."""

    def __init__(self, host: str, channel: int) -> None:
        self._host = host
        self._channel = channel

    def status(self) -> Any:
        """Its status document. Raises: SensorFailed."""
        return get_json(self._host, "/rpc/Switch.GetStatus", {"id": str(self._channel)})

    def power(self) -> tuple[Watts, None]:
        """Active power. Raises: SensorFailed."""
        return Watts(number_at(self.status(), _POWER)), None

    def energy(self) -> Joules:
        """The plug's own count, which it updates rarely. Raises: SensorFailed."""
        return joules_from_watt_hours(number_at(self.status(), _TOTAL))


def _has_temperature(status: Any) -> bool:
    try:
        number_at(status, _TEMPERATURE)
    except SensorFailed:
        return False
    return True


class ShellyTemperature:
    """The temperature inside the plug: not of what it feeds."""

    name = "shelly_temperature"

    def __init__(self, plug: _Plug) -> None:
        self._plug = plug

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading. Raises: SensorFailed."""
        return [TemperatureReading("plug", Celsius(number_at(self._plug.status(), _TEMPERATURE)))]
