"""Laboratory power meters that speak SCPI, through VISA.

Sources: IEEE 488.2 and SCPI-99 (9.9E+37 is infinity, 9.91E+37 no number); Yokogawa's IM WT310-17EN,
"Communication Interface", for the WT300 family. It integrates watt hours itself, for up to 10,000
hours in manual mode; five to six digits of them come over the wire, so that a step grows with the
count. Integration is started where it is not running, and never reset while it runs.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.contracts import (
    EngineAbsent,
    Sensor,
    SensorAbsent,
    SensorFailed,
    WattscanError,
    last_line,
)
from wattscan.device_http import finite
from wattscan.inlet import InletEnergy, InletPower, domain_of
from wattscan.settings import check_keys, one_of, text, uncertainty
from wattscan.units import ENERGY_UNITS, POWER_UNITS, Joules, Seconds, joules_from_watt_hours

_SETTINGS = {
    "resource", "library", "model", "element", "power_query", "energy_query", "setup",
    "terminations", "power_unit", "energy_unit", "domain", "uncertainty_ratio",
}  # fmt: skip
_GENERIC_ONLY = _SETTINGS & {"power_query", "energy_query", "setup", "power_unit", "energy_unit"}
# Opening, asking for the state and asking for values fit into a reader's one second.
_TIMEOUT_MS = 300
_NAME = "scpi"
# The step of a count of 1,000 Wh in six digits, at 5 W.
_COUNT_PERIOD = Seconds(7.2)
# SCPI-99, volume 1, 7.2.1.4 and 7.2.1.5: these and above stand for infinity and for no number.
_OVERRANGE = 9.9e37
# Yokogawa's bulletin WT300E-01EN: basic power accuracy 0.15 % at 50/60 Hz.
_WT300_UNCERTAINTY_RATIO = 0.0015


@dataclass(frozen=True)
class _Dialect:
    """What is said to a meter."""

    setup: Sequence[str]
    query: str
    running: str = ""
    start: Sequence[str] = ()


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The meter's energy counter, or its power; see `contracts.SensorModule.find`.

    Settings: `resource` (VISA address), `library` (`@py`), `model` (`wt300` or `generic`),
    `element` (of a WT300: `1`; `SIGMA`), `terminations` (a line feed), `domain` (`inlet`),
    `uncertainty_ratio` (of a WT300: 0.0015); of a generic meter `setup` (commands), and
    `energy_query` with `energy_unit` (`Wh`, `kWh`, `J`) or `power_query` with `power_unit` (`W`,
    `mW`, `kW`).
    """
    check_keys(settings, _SETTINGS)
    model = one_of(settings, "model", ("wt300", "generic"), "generic")
    if not text(settings, "resource"):
        raise SensorAbsent(
            "no power meter is set: give its VISA address as resource in the target's TOML, such "
            "as TCPIP::192.0.2.7::INSTR"
        )
    odd = _GENERIC_ONLY & settings.keys() if model == "wt300" else set()
    if odd:
        raise WattscanError(f"{', '.join(sorted(odd))}: for a generic meter only")
    sensor = _wt300(settings) if model == "wt300" else _generic(settings)
    try:
        sensor.read_energy() if isinstance(sensor, InletEnergy) else sensor.read_power()
    except EngineAbsent as error:
        raise SensorAbsent(str(error)) from None
    except SensorFailed as error:
        # A meter whose integration has just begun has no value yet, and is there.
        if error.reason != "overrange":
            raise SensorAbsent(
                f"the power meter cannot be read: {error}; is it on, and its resource right?",
                awaited=True,
            ) from None
    return [sensor]


def _wt300(settings: Mapping[str, Any]) -> InletEnergy:
    element = str(settings.get("element", 1))
    dialect = _Dialect(
        setup=(
            ":COMMUNICATE:HEADER OFF",
            ":NUMERIC:FORMAT ASCII",
            ":NUMERIC:NORMAL:NUMBER 2",
            f":NUMERIC:NORMAL:ITEM1 P,{element}",
            f":NUMERIC:NORMAL:ITEM2 WH,{element}",
        ),
        query=":NUMERIC:NORMAL:VALUE?",
        running=":INTEGRATE:STATE?",
        start=(
            ":INTEGRATE:RESET",
            ":INTEGRATE:MODE NORMAL",
            ":INTEGRATE:TIMER 0,0,0",
            ":INTEGRATE:START",
        ),
    )
    ratio = uncertainty(settings, _WT300_UNCERTAINTY_RATIO)
    meter = _Meter(settings, dialect)
    return _energy(settings, ratio, lambda: joules_from_watt_hours(meter.value(1)))


def _generic(settings: Mapping[str, Any]) -> InletEnergy | InletPower:
    setup = settings.get("setup", [])
    if not isinstance(setup, list) or not all(isinstance(command, str) for command in setup):
        raise WattscanError("setup must be a list of commands")
    ratio = uncertainty(settings)
    to_joules = ENERGY_UNITS[one_of(settings, "energy_unit", ENERGY_UNITS, "Wh")]
    to_watts = POWER_UNITS[one_of(settings, "power_unit", POWER_UNITS, "W")]
    query = text(settings, "energy_query") or text(settings, "power_query")
    if not query:
        raise WattscanError("a generic meter needs an energy_query or a power_query")
    meter = _Meter(settings, _Dialect(setup, query))
    if settings.get("energy_query"):
        return _energy(settings, ratio, lambda: to_joules(meter.value(0)))
    return InletPower(_NAME, domain_of(settings), ratio, lambda: (to_watts(meter.value(0)), None))


def _energy(settings: Mapping[str, Any], ratio: float, read: Callable[[], Joules]) -> InletEnergy:
    return InletEnergy(_NAME, domain_of(settings), ratio, read, _COUNT_PERIOD)


class _Meter:
    """The line to a meter: opened at the first question, and anew after a failure."""

    def __init__(self, settings: Mapping[str, Any], dialect: _Dialect) -> None:
        self._resource = text(settings, "resource")
        self._library = text(settings, "library", "@py")
        self._terminations = text(settings, "terminations", "\n")
        self._dialect = dialect
        self._line: Any = None

    def value(self, place: int) -> float:
        """The number at that place of one answer. Raises: SensorFailed, EngineAbsent."""
        answer = self._answer()
        try:
            # What is no number at any place tells of a meter that is not set up.
            values = [_number(field) for field in answer.split(",")]
            if len(values) <= place:
                raise SensorFailed("garbage", "its answer is too short")
            return _in_range(values[place])
        except SensorFailed:
            # It may have been switched off and on, and need its setup again.
            self._close()
            raise

    def _answer(self) -> str:
        visa = plugins.sdk("pyvisa", "meters")
        try:
            if self._line is None:
                self._open(visa)
            return str(self._line.query(self._dialect.query))
        except visa.errors.VisaIOError as error:
            self._close()
            late = error.error_code == visa.constants.StatusCode.error_timeout
            raise SensorFailed("timeout" if late else "unreachable", error.description) from None
        except UnicodeDecodeError:
            self._close()
            raise SensorFailed("garbage", "its answer is not ASCII") from None
        except Exception as error:  # a VISA library raises what it likes, bare Exception included
            self._close()
            raise SensorFailed("unreachable", last_line(error)) from None

    def _open(self, visa: Any) -> None:
        manager = visa.ResourceManager(self._library)
        self._line = manager.open_resource(
            self._resource,
            open_timeout=_TIMEOUT_MS,
            timeout=_TIMEOUT_MS,
            read_termination=self._terminations,
            write_termination=self._terminations,
        )
        for command in self._dialect.setup:
            self._line.write(command)
        running = self._dialect.running
        if running and not self._line.query(running).strip().upper().startswith("STAR"):
            for command in self._dialect.start:
                self._line.write(command)

    def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(Exception):
                line.close()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SensorFailed("garbage", "its answer is not a number") from None


def _in_range(value: float) -> float:
    if not math.isfinite(value) or abs(value) >= _OVERRANGE:
        raise SensorFailed("overrange", f"it answers {value:g}: over its range, or no value")
    return finite(value, "its answer")
