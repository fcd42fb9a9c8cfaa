"""The projections: what many scans take, cost and give off, from the energy of one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from wattscan.collector.cells import Cell, Figure
from wattscan.collector.device import EnergySource
from wattscan.collector.figure_text import figure_text
from wattscan.collector.measured import Measured
from wattscan.collector.projection import SCANS, Assumptions, scans_per_charge
from wattscan.collector.tables import Column, Row, Table, Value, number
from wattscan.units import kilowatt_hours_from_joules

ORDER = 4

_NO_PROJECTION = "none: invalid"
_PER = f"{SCANS:,} scans"
_HOW = (
    f"Energy is {SCANS:,} times the gross energy of one scan, at the pace of the measured load; "
    "every 95 % interval comes from that of this energy. An invalid figure is not projected, and "
    "one that is not valid says so."
)
_MORE = (
    "Wattscan assumes no battery, no price and no intensity: wattscan collect takes yours by "
    "--battery-wh, by --price-per-kwh with --currency, and by --co2-g-per-kwh, for scans per "
    "charge, cost and CO2."
)
_CHARGE = (
    "Scans per charge: the battery's usable energy over the gross joules of one scan, for scans "
    "that follow one another without a pause. Left out: what the device takes between scans, what "
    "is lost between battery and device, and what age, cold and a reserve take from the battery. A "
    "real charge gives fewer."
)
_COST = (
    "Cost and CO2 are of this energy alone: without power supply losses, cooling, idle time, or "
    "the making of the device."
)


def build(measured: Measured) -> Table:
    """One row for each cell; a column for each thing that is assumed, and for nothing else."""
    return Table(
        name="projections",
        title="Projections",
        caption="What many scans take, projected from the gross energy of one.",
        columns=_columns(measured.assumptions),
        rows=tuple(_row(measured, cell) for cell in measured.cells),
        notes=tuple(_notes(measured)),
    )


def _columns(assumed: Assumptions) -> tuple[Column, ...]:
    columns = [
        Column("target", "target", shown=False),
        Column("task", "task"),
        Column("precision", "precision"),
        *_figure_columns("energy", "kwh_per_1000_scans", "energy (± 95 %)", f"kWh/{_PER}"),
    ]
    if assumed.battery_watt_hours is not None:
        heading = f"scans per charge of {assumed.battery_watt_hours:g} Wh (95 %)"
        columns += _figure_columns("charge", "scans_per_charge", heading, "")
        columns.append(Column("battery_wh", "battery", "Wh", shown=False))
    if assumed.price_per_kwh is not None:
        unit = f"{assumed.currency}/{_PER}"
        columns += _figure_columns("cost", "cost_per_1000_scans", "cost (± 95 %)", unit)
        columns.append(Column("price_per_kwh", "price", f"{assumed.currency}/kWh", shown=False))
        columns.append(Column("currency", "currency", shown=False))
    if assumed.co2_grams_per_kwh is not None:
        columns += _figure_columns("co2", "co2_g_per_1000_scans", "CO2 (± 95 %)", f"g/{_PER}")
        columns.append(Column("co2_g_per_kwh", "intensity", "g/kWh", shown=False))
    return (*columns, Column("verdict", "verdict"))


def _figure_columns(name: str, key: str, heading: str, unit: str) -> tuple[Column, ...]:
    """A figure as it is shown, and as a number with the ends of its interval."""
    return (
        Column(name, heading, unit),
        Column(key, f"{name}, mean", unit, shown=False),
        Column(f"{key}_low", f"{name}, 95 % from", unit, shown=False),
        Column(f"{key}_high", f"{name}, 95 % to", unit, shown=False),
    )


def _row(measured: Measured, cell: Cell) -> Row:
    assumed = measured.assumptions
    values: dict[str, Value] = {
        "target": measured.run.target,
        "task": cell.task,
        "precision": cell.precision,
        "battery_wh": assumed.battery_watt_hours,
        "price_per_kwh": assumed.price_per_kwh,
        "currency": assumed.currency,
        "co2_g_per_kwh": assumed.co2_grams_per_kwh,
        "verdict": cell.verdict,
    }
    joules = cell.joules("gross")
    if joules is not None and joules.mean > 0 and cell.verdict != "invalid":
        mark = "" if cell.verdict == "valid" else f", {cell.verdict}"
        values |= _projected(assumed, joules, mark)
    return Row(values, dict.fromkeys(("energy", "charge", "cost", "co2"), _NO_PROJECTION))


def _projected(assumed: Assumptions, joules: Figure, mark: str) -> dict[str, Value]:
    energy = joules.times(SCANS * kilowatt_hours_from_joules(1.0))
    values = _scaled("energy", "kwh_per_1000_scans", energy, mark)
    if assumed.price_per_kwh is not None:
        cost = energy.times(assumed.price_per_kwh)
        values |= _scaled("cost", "cost_per_1000_scans", cost, mark)
    if assumed.co2_grams_per_kwh is not None:
        co2 = energy.times(assumed.co2_grams_per_kwh)
        values |= _scaled("co2", "co2_g_per_1000_scans", co2, mark)
    if assumed.battery_watt_hours is not None:
        charge = scans_per_charge(assumed.battery_watt_hours, joules)
        values["charge"] = f"{_charge_text(charge.scans, charge.low, charge.high)}{mark}"
        values["scans_per_charge"] = charge.scans
        values["scans_per_charge_low"] = charge.low
        is_bounded = charge.high is not None and math.isfinite(charge.high)
        values["scans_per_charge_high"] = charge.high if is_bounded else None
    return values


def _scaled(name: str, key: str, figure: Figure, mark: str) -> dict[str, Value]:
    low, high = figure.interval or (None, None)
    means: dict[str, Value] = {key: figure.mean, f"{key}_low": low, f"{key}_high": high}
    return {name: f"{figure_text(figure)}{mark}", **means}


def _charge_text(scans: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return number(scans)
    if math.isinf(high):
        return f"{number(scans)} ({number(low)} or more)"
    return f"{number(scans)} ({number(low)} to {number(high)})"


def _notes(measured: Measured) -> Iterator[str]:
    assumed, table = measured.assumptions, measured.device.table
    yield _HOW
    if table is not None and table.scope != "system":
        yield _part(table)
    if assumed.battery_watt_hours is not None:
        yield _CHARGE
    if assumed.price_per_kwh is not None:
        yield f"Cost: at {assumed.price_per_kwh:g} {assumed.currency} per kWh, as it was given."
    if assumed.co2_grams_per_kwh is not None:
        yield f"CO2: at {assumed.co2_grams_per_kwh:g} g per kWh, as it was given."
    if assumed.price_per_kwh is not None or assumed.co2_grams_per_kwh is not None:
        yield _COST
    if None in (assumed.battery_watt_hours, assumed.price_per_kwh, assumed.co2_grams_per_kwh):
        yield _MORE


def _part(table: EnergySource) -> str:
    how = "Modelled, not measured, and of" if table.method == "modelled" else "Of"
    what = f"{how} the domain {table.domain} alone (scope {table.scope})"
    return f"{what}: what else the machine takes is not in it."
