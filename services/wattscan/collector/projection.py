"""What is assumed of a battery, a price and the grid, and the arithmetic from the energy of one
scan."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.collector.cells import Figure
from wattscan.units import joules_from_watt_hours

SCANS = 1000
"""Energy, cost and CO2 are of so many scans."""


@dataclass(frozen=True)
class Assumptions:
    """What a reader gives of the place where a device is to run; None: nothing is projected of it.

    `battery_watt_hours` is usable energy, above zero; `price_per_kwh` is in `currency`;
    `co2_grams_per_kwh` is the intensity of the electricity, grams of CO2 for each kWh.
    """

    battery_watt_hours: float | None = None
    price_per_kwh: float | None = None
    currency: str = ""
    co2_grams_per_kwh: float | None = None


NOTHING_ASSUMED = Assumptions()


@dataclass(frozen=True)
class Charge:
    """Scans of one charge; the 95 % interval's ends, None without one. `high` is infinite where
    the interval of a scan's energy reaches down to zero."""

    scans: float
    low: float | None
    high: float | None


def scans_per_charge(battery_watt_hours: float, joules: Figure) -> Charge:
    """Usable energy over the energy of one scan, whose mean is above zero: the most energy gives
    the fewest scans."""
    usable = joules_from_watt_hours(battery_watt_hours)
    scans = usable / joules.mean
    if joules.interval is None:
        return Charge(scans, None, None)
    least, most = joules.interval
    return Charge(scans, usable / most, usable / least if least > 0 else float("inf"))
