"""Units of measurement: one type for each, and every conversion that the project makes.

A driver reads its source's native unit and converts here, so that nothing else in the tree
multiplies by a power of ten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType

Joules = NewType("Joules", float)
Watts = NewType("Watts", float)
Celsius = NewType("Celsius", float)
Seconds = NewType("Seconds", float)

ABSOLUTE_ZERO = Celsius(-273.15)
"""Nothing is colder: SI Brochure, 9th edition, 2.3.1."""


def joules_from_nanojoules(nanojoules: float) -> Joules:
    """IOReport's counter of an Apple GPU is in nanojoules."""
    return Joules(nanojoules / 1e9)


def joules_from_microjoules(microjoules: float) -> Joules:
    """RAPL's powercap `energy_uj` is in microjoules."""
    return Joules(microjoules / 1e6)


def joules_from_millijoules(millijoules: float) -> Joules:
    """NVML's total energy consumption is in millijoules."""
    return Joules(millijoules / 1e3)


def joules_from_watt_hours(watt_hours: float) -> Joules:
    """Power meters and Shelly plugs count watt hours."""
    return Joules(watt_hours * 3600)


def joules_from_kilowatt_hours(kilowatt_hours: float) -> Joules:
    """Tasmota plugs count kilowatt hours."""
    return Joules(kilowatt_hours * 3.6e6)


def joules_from_scaled_count(count: float, joules_per_count: float) -> Joules:
    """The kernel's `power` PMU counts in the unit that its `.scale` file gives."""
    return Joules(count * joules_per_count)


def kilowatt_hours_from_joules(joules: float) -> float:
    """Electricity is paid for by the kilowatt hour."""
    return joules / 3.6e6


def watts_from_milliwatts(milliwatts: float) -> Watts:
    """NVML's power usage and the INA3221's IIO files are in milliwatts."""
    return Watts(milliwatts / 1e3)


def watts_from_microwatts(microwatts: float) -> Watts:
    """hwmon's `power*_input` and `power*_average` are in microwatts."""
    return Watts(microwatts / 1e6)


def watts_from_millivolts_milliamperes(millivolts: float, milliamperes: float) -> Watts:
    """The INA3221's hwmon files give a rail's voltage in mV and its current in mA."""
    return Watts(millivolts * milliamperes / 1e6)


def watts_from_microvolts_microamperes(microvolts: float, microamperes: float) -> Watts:
    """sysfs's power_supply class gives a battery's voltage in uV and its current in uA."""
    return Watts(microvolts * microamperes / 1e12)


def celsius_from_decidegrees(decidegrees: float) -> Celsius:
    """sysfs's power_supply class gives a battery's temperature in tenths of a degree Celsius."""
    return Celsius(decidegrees / 10)


def seconds_from_nanoseconds(nanoseconds: float) -> Seconds:
    """powermetrics states a sample's length in nanoseconds."""
    return Seconds(nanoseconds / 1e9)


def milliwatts_from_watts(watts: float) -> float:
    """The paper's Table 2 is in milliwatts."""
    return watts * 1e3


def microseconds_from_seconds(seconds: Seconds) -> float:
    """For people: what a request costs."""
    return seconds * 1e6


def milliseconds_from_seconds(seconds: float) -> float:
    """Latencies are read by people in milliseconds."""
    return seconds * 1e3


def celsius_from_millidegrees(millidegrees: float) -> Celsius:
    """hwmon, thermal zones and the apex driver give thousandths of a degree Celsius."""
    return Celsius(millidegrees / 1e3)


def energy(power: Watts, duration: Seconds) -> Joules:
    """Energy of a constant power over a duration."""
    return Joules(power * duration)


def mean_power(work: Joules, duration: Seconds) -> Watts:
    """Mean power over a duration, which must be above zero."""
    return Watts(work / duration)


def celsius_from_fahrenheit(fahrenheit: float) -> Celsius:
    """TG Pro logs degrees Fahrenheit where its user has set so."""
    return Celsius((fahrenheit - 32) / 1.8)


def watts_from_kilowatts(kilowatts: float) -> Watts:
    """Some power meters and plugs give kilowatts."""
    return Watts(kilowatts * 1e3)


POWER_UNITS: dict[str, Callable[[float], Watts]] = {
    "W": Watts, "mW": watts_from_milliwatts, "kW": watts_from_kilowatts,
}  # fmt: skip
ENERGY_UNITS: dict[str, Callable[[float], Joules]] = {
    "Wh": joules_from_watt_hours, "kWh": joules_from_kilowatt_hours, "J": Joules,
}  # fmt: skip
"""Units as a user's settings name them."""
