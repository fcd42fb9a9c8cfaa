"""Smart plugs that run Tasmota, over their local HTTP interface.

Interface: Tasmota's documentation, "Commands" (`http://HOST/cm?cmnd=Status%2010`) and "JSON Status
Responses": `StatusSNS.ENERGY.Power` in watts, `.Total` in kilowatt hours, `StatusSNS.Time`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from wattscan.contracts import Sensor, SensorAbsent, SensorFailed
from wattscan.device_http import get_json, host_of, number_at
from wattscan.inlet import InletEnergy, InletPower, counts, domain_of
from wattscan.settings import check_keys, uncertainty
from wattscan.units import Joules, Seconds, Watts, joules_from_kilowatt_hours

_SETTINGS = {"host", "use", "domain", "uncertainty_ratio"}
# Tasmota's meters come uncalibrated (its documentation, "Power Monitoring Calibration").
_UNCERTAINTY_RATIO = 0.05
# One step, 0.001 kWh, at 5 W.
_COUNT_PERIOD = Seconds(720.0)
_NAME = "tasmota"
_POWER, _TOTAL = "StatusSNS.ENERGY.Power", "StatusSNS.ENERGY.Total"


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The plug's power or energy; see `contracts.SensorModule.find`.

    Settings: `host` (with `:port` where it is not 80), `use` (`power`, or `energy` for its coarse
    counter, 0.001 kWh a step), `domain` (`inlet`), `uncertainty_ratio` (0.05).
    """
    check_keys(settings, _SETTINGS)
    counter = counts(settings)
    host = host_of(settings)
    if not host:
        raise SensorAbsent("no Tasmota plug is set: give its address as host in the target's TOML")
    told = (_NAME, domain_of(settings), uncertainty(settings, _UNCERTAINTY_RATIO))
    try:
        number_at(_status(host), _TOTAL if counter else _POWER)
    except SensorFailed as error:
        raise SensorAbsent(
            f"the Tasmota plug cannot be read: {error}; is it plugged in, with power metering, "
            "and its address right?",
            awaited=True,
        ) from None
    if counter:
        return [InletEnergy(*told, partial(_energy, host), _COUNT_PERIOD)]
    return [InletPower(*told, partial(_power, host))]


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


def _power(host: str) -> tuple[Watts, float | None]:
    """Active power. Raises: SensorFailed."""
    status = _status(host)
    return Watts(number_at(status, _POWER)), _stamp(status)


def _energy(host: str) -> Joules:
    """The plug's own count. Raises: SensorFailed."""
    return joules_from_kilowatt_hours(number_at(_status(host), _TOTAL))
