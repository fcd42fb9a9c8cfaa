"""The telemetry part of the `/metrics` page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from wattscan import metrics
from wattscan.contracts import Target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.domains import AnyDomain
from wattscan.telemetry.machine import machine_facts
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.state import SensorState
from wattscan.units import Seconds

_Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily


class TelemetryCollector(Collector):
    """Shows what is known of all sensors, and how old it is: a page waits for none of them."""

    def __init__(self, target: Target, sampler: Sampler, ledger: Ledger) -> None:
        self._target = target
        self._sampler = sampler
        self._ledger = ledger
        facts = machine_facts()
        self._machine = [facts[label] for label in metrics.MACHINE_INFO.labels[1:]]

    def describe(self) -> Iterator[_Family]:
        """Name the families without reading a sensor."""
        yield from self._families().values()

    def collect(self) -> Iterator[_Family]:
        """The families with their samples; what could not be read is absent."""
        families = self._families()
        families[metrics.TARGET_INFO.name].add_metric(self._facts(), 1)
        families[metrics.MACHINE_INFO.name].add_metric([self._target.name, *self._machine], 1)
        with self._sampler.lock:
            made = time.time(), self._sampler.now
            for state in self._sampler.states:
                self._sensor(families, state)
                for domain in state.shown:
                    self._domain(families, domain, made[1])
        families[metrics.PAGE_TIMESTAMP.name].add_metric([self._target.name], made[0])
        self._attribution(families)
        yield from families.values()

    def _families(self) -> dict[str, _Family]:
        exported = (
            *metrics.TELEMETRY,
            metrics.INFERENCE_ENERGY_JOULES,
            metrics.IDLE_ENERGY_JOULES,
        )
        return {m.name: family(m) for m in exported}

    def _facts(self) -> list[str]:
        paper = self._target.paper
        told = (paper.precision, paper.domain, paper.zone)
        return [self._target.name, self._target.title, *(fact or "" for fact in told)]

    def _sensor(self, families: dict[str, _Family], state: SensorState) -> None:
        labels = [self._target.name, state.sensor.name]
        if state.measures and (state.up or state.proving):
            families[metrics.SENSOR_PROVING.name].add_metric(labels, float(state.proving))
        if state.proving:
            return
        families[metrics.SENSOR_UP.name].add_metric(labels, float(state.up))
        for reason, count in state.errors.items():
            families[metrics.SENSOR_READ_ERRORS.name].add_metric([*labels, reason], count)
        if state.throttled is not None:
            families[metrics.THROTTLED.name].add_metric(labels, float(state.throttled))
        if state.interval is not None:
            families[metrics.SENSOR_INTERVAL_SECONDS.name].add_metric(labels, state.interval)
        if state.measures and state.up:
            period = state.update_period
            families[metrics.SENSOR_UPDATE_PERIOD_SECONDS.name].add_metric(labels, period)
        for zone, temperature in state.temperatures.items():
            families[metrics.TEMPERATURE_CELSIUS.name].add_metric([*labels, zone], temperature)

    def _domain(self, families: dict[str, _Family], domain: AnyDomain, now: Seconds) -> None:
        key = domain.key
        short = [self._target.name, key.sensor, key.domain]
        labels = [*short, key.scope, key.method]
        families[metrics.ENERGY_JOULES.name].add_metric(labels, domain.energy)
        families[metrics.SENSOR_COVERED_SECONDS.name].add_metric(short, domain.covered)
        families[metrics.SENSOR_UNCERTAINTY_RATIO.name].add_metric(short, domain.uncertainty_ratio)
        if domain.read_at is not None:
            age = now - domain.read_at
            families[metrics.SENSOR_READING_AGE_SECONDS.name].add_metric(short, age)
        if domain.power is not None:
            families[metrics.POWER_WATTS.name].add_metric(labels, domain.power)
        for use in self._uses(domain):
            families[metrics.ENERGY_SOURCE_INFO.name].add_metric([*labels, use], 1)

    def _uses(self, domain: AnyDomain) -> list[str]:
        uses = ["table", "attribution"] if domain.key == self._sampler.table else []
        return [*uses, "paper"] if domain.key.domain == self._target.paper.domain else uses

    def _attribution(self, families: dict[str, _Family]) -> None:
        target = self._target.name
        for key, joules in self._ledger.attributed().items():
            families[metrics.INFERENCE_ENERGY_JOULES.name].add_metric([target, *key], joules)
        for method, joules in self._ledger.idle().items():
            families[metrics.IDLE_ENERGY_JOULES.name].add_metric([target, method], joules)


def family(metric: metrics.Metric) -> _Family:
    """An empty family for a counter or a gauge of the contract."""
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
