"""Smart plugs that run Tasmota, over their local HTTP interface.

Interface: Tasmota's documentation, "Commands" (`http://HOST/cm?cmnd=Status%2010`) and "JSON Status
Responses": `StatusSNS.ENERGY.Power` in watts, `.Total` in kilowatt hours, `StatusSNS.Time`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
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
    WattscanError,
)
from wattscan.settings import check_keys, number
from wattscan.units import Watts, joules_from_kilowatt_hours

_SETTINGS = {"host", "use", "domain", "uncertainty_ratio"}
# Tasmota's meters come uncalibrated (its documentation, "Power Monitoring Calibration").
_UNCERTAINTY_RATIO = 0.05


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The plug's power or energy; see `contracts.SensorModule.find`.

    Settings: `host` (with `:port` where it is not 80), `use` (`power`, or `energy` for its coarse
    counter, 0.001 kWh a step), `domain` (`inlet`), `uncertainty_ratio` (0.05).
    """
    check_keys(settings, _SETTINGS)
    use = settings.get("use", "power")
    if use not in {"power", "energy"}:
        raise WattscanError(f"use must be power or energy, not {use!r}")
    if not settings.get("host"):
        raise SensorAbsent("no Tasmota plug is set: give its address as host in the target's TOML")
    domain = str(settings.get("domain", "inlet"))
    ratio = number(settings, "uncertainty_ratio", _UNCERTAINTY_RATIO)
    host = str(settings["host"])
    meter = TasmotaEnergy if use == "energy" else TasmotaPower
    try:
        number_at(_status(host), meter.field)
    except SensorFailed as error:
        raise SensorAbsent(
            f"the Tasmota plug cannot be read: {error}; is it plugged in, with power metering, "
            "and its address right?"
        ) from None
    return [meter(host, domain, ratio)]


def _status(host: str) -> Any:
    status = get_json(host, "/cm", {"cmnd": "Status 10"})
    # With a password set, Tasmota answers 200 and a warning.
    if isinstance(status, dict) and "WARNING" in status:
        raise SensorFailed("permission", "it asks for a password: switch that off in the device")
    return status


def _stamp(status: Any) -> float | None:
    """Seconds of the plug's own clock, which may be set wrong, in whatever time zone."""
    try:
        time = datetime.fromisoformat(str(status["StatusSNS"]["Time"]))
    except (KeyError, TypeError, ValueError):
        return None
    return time.replace(tzinfo=timezone.utc).timestamp()


class TasmotaPower:
    """The plug's active power."""

    name = "tasmota"
    field = "StatusSNS.ENERGY.Power"

    def __init__(self, host: str, domain: str, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._host = host
        self._domain = domain

    def read_power(self) -> Sequence[PowerReading]:
        """One reading. Raises: SensorFailed."""
        status = _status(self._host)
        power = Watts(number_at(status, self.field))
        return [PowerReading(self._domain, "system", power, _stamp(status))]


class TasmotaEnergy:
    """The plug's own energy counter."""

    name = "tasmota"
    field = "StatusSNS.ENERGY.Total"
    method: Method = "counter"

    def __init__(self, host: str, domain: str, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._host = host
        self._domain = domain

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading. Raises: SensorFailed."""
        count = joules_from_kilowatt_hours(number_at(_status(self._host), self.field))
        return [EnergyReading(self._domain, "system", count)]
