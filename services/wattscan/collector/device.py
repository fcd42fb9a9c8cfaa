"""The measured device: the sensor that the tables read, its temperature zone, the models it ran."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wattscan import metrics
from wattscan.collector.model_facts import ModelFacts, models_that_ran, variant_of
from wattscan.collector.readings import Lag, by_reading, lag_of, lateness_of, quantum_of
from wattscan.collector.series import Labels, Series
from wattscan.collector.target_series import TargetSeries
from wattscan.collector.windows import Run, Window
from wattscan.contracts import PaperReading
from wattscan.units import Joules, Seconds

_PACKAGE = re.compile(r"package-\d+")
_MIRROR_TOLERANCE = 0.02
# A zone whose name holds one of these is the die itself; the first that is found wins.
_DIE_ZONES = ("package", "tctl", "tdie", "gpu", "cpu", "core", "soc", "die")


@dataclass(frozen=True, eq=False)
class EnergySource:
    """One domain of one sensor, with its series in the run; a series is None where it is absent.

    `counter`, `power`, `up` and `lateness`, that of the pages, have the stamps of their scrapes;
    `readings` is the counter, and `covered` the time that it accounts for, at the times of the
    sensor's readings; `lag` is what these times leave open, and `quantum` the step that the counter
    counts in.
    """

    sensor: str
    domain: str
    scope: str
    method: str
    counter: Series | None
    readings: Series | None
    covered: Series | None
    power: Series | None
    up: Series | None
    hardware_resets: Series | None
    uncertainty_ratio: float | None
    lag: Lag
    lateness: Series | None
    quantum: Joules
    missing_parts: tuple[str, ...] = ()
    """Domains that are as much of the device as this one."""
    also_told: tuple[str, ...] = ()
    """Other scopes and methods under which this sensor's domain has an energy series too."""


@dataclass(frozen=True, eq=False)
class Zone:
    """One temperature: degrees Celsius."""

    sensor: str
    zone: str
    series: Series


@dataclass(frozen=True, eq=False)
class Device:
    """What the target's series say of it during the run.

    `table` is the domain that the energy table reads; `table_uses` are the samples of each
    `use="table"` series, of which there should be one; `paper` is the paper's rail and
    `paper_zone` its temperature zone, None where they are not there.
    """

    table: EnergySource | None
    table_uses: tuple[Series, ...]
    paper: EnergySource | None
    zone: Zone | None
    paper_zone: Zone | None
    throttled: tuple[Series, ...]
    models: dict[tuple[str, str], tuple[ModelFacts, ...]]
    model_infos: tuple[Series, ...]
    machines: tuple[Mapping[str, str], ...]
    """The labels of `wattscan_machine_info`, as they came: one set, unless the machine changed;
    none where a service does not tell."""

    def tells_table(self, window: Window) -> bool:
        """Whether the domain that tables read is on record in a window."""
        return any(uses.between(*window.span).size for uses in self.table_uses)

    def tells_model(self, window: Window) -> bool:
        """Whether a window's model is on record: in its span, or one spacing beside it."""
        start, end = window.span
        return any(
            info.between(start - info.median_spacing(), end + info.median_spacing()).size
            for info in self.model_infos
            if variant_of(info) == (window.task, window.precision)
        )


def read_device(target: TargetSeries, run: Run, paper: PaperReading) -> Device:
    """Everything that the target's series offer in the run's span. Raises: WattscanError."""
    infos = target.select(metrics.ENERGY_SOURCE_INFO)
    infos_of_models = target.select(metrics.MODEL_INFO)
    tables = [info for info in infos if info.labels.get("use") == "table"]
    rails = [info for info in infos if info.labels.get("use") == "paper"]
    if paper.domain:
        rails = [info for info in rails if info.labels.get("domain") == paper.domain] or rails
    table = max(tables, key=lambda info: info.times.size) if tables else None
    pages = target.one(metrics.PAGE_TIMESTAMP)
    longest = Seconds(max(end - start for start, end in (w.span for w in run.windows)))
    lateness = lateness_of(pages, target.scrape_durations(pages), longest) if pages else None
    chosen = _energy_source(target, table.labels, lateness) if table else None
    zones = [
        Zone(series.labels.get("sensor", ""), series.labels.get("zone", ""), series)
        for series in target.select(metrics.TEMPERATURE_CELSIUS)
    ]
    paper_zone = next((zone for zone in zones if paper.zone and zone.zone == paper.zone), None)
    return Device(
        table=chosen,
        table_uses=tuple(tables),
        paper=_energy_source(target, rails[0].labels, lateness) if rails else None,
        zone=paper_zone or _device_zone(zones, chosen),
        paper_zone=paper_zone,
        throttled=tuple(target.select(metrics.THROTTLED)),
        models=models_that_ran(run, infos_of_models),
        model_infos=tuple(infos_of_models),
        machines=_machines(run, target.select(metrics.MACHINE_INFO)),
    )


def _energy_source(target: TargetSeries, labels: Labels, lateness: Series | None) -> EnergySource:
    sensor, domain = labels.get("sensor", ""), labels.get("domain", "")
    one = {"sensor": sensor, "domain": domain}
    uncertain = target.one(metrics.SENSOR_UNCERTAINTY_RATIO, **one)
    how = {"scope": labels.get("scope", ""), "method": labels.get("method", "")}
    every = target.select(metrics.ENERGY_JOULES, **one)
    counter = next((series for series in every if _has(series, how)), None)
    covered = target.one(metrics.SENSOR_COVERED_SECONDS, **one)
    age = _of_the_same_scrapes(counter, target.one(metrics.SENSOR_READING_AGE_SECONDS, **one))
    told = target.largest(metrics.SENSOR_INTERVAL_SECONDS, sensor)
    # What is not on record is no better than what the samples show.
    interval = told or Seconds(0.0)
    if not told and counter:
        interval = by_reading(counter, age, lateness, Seconds(0.0)).median_spacing()
    period = target.largest(metrics.SENSOR_UPDATE_PERIOD_SECONDS, sensor)
    lag = lag_of(how["method"], interval, period, age_told=age is not None, summed="+" in domain)
    readings = by_reading(counter, age, lateness, lag.late) if counter else None
    return EnergySource(
        sensor=sensor,
        domain=domain,
        scope=how["scope"],
        method=how["method"],
        counter=counter,
        readings=readings,
        covered=by_reading(covered, age, lateness, lag.late) if covered else None,
        power=target.one(metrics.POWER_WATTS, **one, **how),
        up=target.one(metrics.SENSOR_UP, sensor=sensor),
        hardware_resets=target.one(
            metrics.SENSOR_READ_ERRORS, sensor=sensor, reason=metrics.COUNTER_RESET
        ),
        uncertainty_ratio=_plausible(uncertain),
        lag=lag,
        lateness=lateness,
        quantum=quantum_of(readings) if readings else Joules(0.0),
        missing_parts=_missing_parts(target, how, sensor, domain, counter),
        also_told=tuple(_scope_and_method(s) for s in every if not _has(s, how)),
    )


def _scope_and_method(series: Series) -> str:
    return f"{series.labels.get('scope', '?')} {series.labels.get('method', '?')}"


def _of_the_same_scrapes(counter: Series | None, age: Series | None) -> Series | None:
    """The ages, unless most of the counter's samples have none."""
    if counter is None or age is None or np.isin(counter.times, age.times).mean() < 0.5:
        return None
    return age


def _plausible(uncertainty: Series | None) -> float | None:
    """The sensor's last word on its uncertainty, unless it is no part of a reading."""
    last = float(uncertainty.values[-1]) if uncertainty else -1.0
    return last if 0 <= last <= 1 else None


def _missing_parts(
    target: TargetSeries, how: Mapping[str, str], sensor: str, domain: str, counter: Series | None
) -> tuple[str, ...]:
    """Other packages of a sensor that count beside the one that tables read: it is not the whole
    device. One that mirrors the same counter is none."""
    if counter is None or not _PACKAGE.fullmatch(domain):
        return ()
    others = target.select(metrics.ENERGY_JOULES, sensor=sensor, **how)
    return tuple(
        other.labels.get("domain", "")
        for other in others
        if _PACKAGE.fullmatch(other.labels.get("domain", ""))
        and other.labels.get("domain") != domain
        and not _mirrors(counter, other)
    )


def _mirrors(one: Series, other: Series) -> bool:
    counted = [float(series.values[-1] - series.values[0]) for series in (one, other)]
    return abs(counted[0] - counted[1]) <= _MIRROR_TOLERANCE * max(counted)


def _has(series: Series, labels: Mapping[str, str]) -> bool:
    return all(series.labels.get(name, "") == text for name, text in labels.items())


def _device_zone(zones: Sequence[Zone], table: EnergySource | None) -> Zone | None:
    # The energy sensor's own zone first, then the die, then the first by name.
    def rank(zone: Zone) -> tuple[bool, int, str, str]:
        name = zone.zone.lower()
        die = next((i for i, part in enumerate(_DIE_ZONES) if part in name), len(_DIE_ZONES))
        return (not table or zone.sensor != table.sensor, die, zone.sensor, zone.zone)

    return min(zones, key=rank, default=None)


def _machines(run: Run, infos: Sequence[Series]) -> tuple[Mapping[str, str], ...]:
    spans = [window.span for window in run.windows]
    mine = [info for info in infos if any(info.between(*span).size for span in spans)]
    mine.sort(key=lambda info: float(info.times[0]))
    names = metrics.MACHINE_INFO.labels[1:]
    return tuple({name: info.labels.get(name, "") for name in names} for info in mine)
