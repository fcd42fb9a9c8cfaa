"""What every sensor must do: on a machine that has it, on one that has not, and when it is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry

from wattscan import plugins
from wattscan.contracts import (
    EnergyReading,
    EnergySensor,
    PowerReading,
    PowerSensor,
    Scope,
    Sensor,
    SensorAbsent,
    SensorChoice,
    SensorFailed,
    TemperatureSensor,
)
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.proof import SensorEvidence
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Seconds

# Joules, watts and degrees Celsius of a plausible size: a forgotten milli or micro is not.
_LARGEST = 1e9


def readings(sensor: Sensor) -> list[tuple[str, float]]:
    """What it reads now, by domain or zone. Raises: SensorFailed."""
    if isinstance(sensor, EnergySensor):
        return [(r.domain, float(r.count)) for r in sensor.read_energy()]
    if isinstance(sensor, PowerSensor):
        return [(r.domain, float(r.power)) for r in sensor.read_power()]
    assert isinstance(sensor, TemperatureSensor), f"{sensor!r} reads nothing"
    return [(r.zone, float(r.temperature)) for r in sensor.read_temperature()]


def _domains(sensor: Sensor) -> Sequence[EnergyReading | PowerReading]:
    if isinstance(sensor, EnergySensor):
        return sensor.read_energy()
    return sensor.read_power() if isinstance(sensor, PowerSensor) else ()


class SensorContract:
    """Subclass it, set `name`, and say how the machine looks where the sensor is there and where
    it is lost."""

    name: str
    """As a target's TOML names it."""

    settings: Mapping[str, Any] = {}
    """Its `[[sensors]]` table."""

    def arrange(self, sysfs: Path) -> None:
        """Have the sensor be there: put what it reads under `sysfs`, or play its bus or server."""
        raise NotImplementedError

    def take_away(self, sysfs: Path) -> None:
        """Have it be lost, as when it is unplugged."""
        raise NotImplementedError

    @pytest.fixture
    def sysfs(self, tmp_path: Path) -> Path:
        """An empty root of sysfs."""
        return tmp_path

    @pytest.fixture
    def found(self, sysfs: Path) -> Sequence[Sensor]:
        """The sensors of a machine that has it."""
        self.arrange(sysfs)
        return self.find(sysfs)

    def find(self, sysfs: Path) -> Sequence[Sensor]:
        """Look for it as the service does. Raises: SensorAbsent."""
        return plugins.sensor(self.name).find(self.settings, sysfs)

    def test_where_it_is_not_there_it_says_why(self, sysfs: Path) -> None:
        """A sensor that is absent names what is missing; only a model is there everywhere."""
        try:
            found = self.find(sysfs)
        except SensorAbsent as reason:
            assert len(str(reason)) > 20, f"it says only {str(reason)!r}: what is missing?"
        else:
            assert all(getattr(sensor, "method", "") == "modelled" for sensor in found)

    def test_where_it_is_there_it_is_read_in_base_units(self, found: Sequence[Sensor]) -> None:
        """Each domain once, in joules, watts or degrees Celsius."""
        assert found
        for sensor in found:
            assert sensor.name and isinstance(sensor.name, str)
            got = readings(sensor)
            assert got
            assert len({label for label, _ in got}) == len(got)
            assert all(0 < value < _LARGEST for _, value in got)

    def test_a_source_of_energy_says_how_sure_it_is_and_what_it_covers(
        self, found: Sequence[Sensor]
    ) -> None:
        """Its standard uncertainty, over its reading; and a scope for each domain."""
        for sensor in found:
            if isinstance(sensor, PowerSensor | EnergySensor):
                assert 0 <= sensor.uncertainty_ratio < 1
            for reading in _domains(sensor):
                assert reading.scope in get_args(Scope)

    def test_what_is_lost_is_a_failure_and_not_a_zero(
        self, found: Sequence[Sensor], sysfs: Path
    ) -> None:
        """Reading it raises SensorFailed."""
        self.take_away(sysfs)
        for sensor in self.measured(found):
            with pytest.raises(SensorFailed):
                readings(sensor)

    def test_lost_mid_run_its_series_disappear_and_the_reason_is_counted(
        self, found: Sequence[Sensor], sysfs: Path
    ) -> None:
        """The exporter shows no value of it, `wattscan_sensor_up` 0, and one error."""
        measured = list(self.measured(found))
        with_evidence = [
            # As if all that it gives had been seen to move.
            FoundSensor(
                s, SensorChoice(self.name, {}), SensorEvidence(frozenset(dict(readings(s))))
            )
            for s in measured
        ]
        sampler = Sampler(with_evidence, Seconds(0.1), Ledger())
        registry = CollectorRegistry()
        registry.register(TelemetryCollector(load_target("cpu"), sampler, Ledger()))
        try:
            sampler.sample()
            shown, up = _page(registry)
            assert not measured or (shown and set(up.values()) == {1.0})
            self.take_away(sysfs)
            sampler.sample()
            shown, up = _page(registry)
            assert not shown and set(up.values()) <= {0.0}
            for state in sampler.states:
                counted = {reason: count for reason, count in state.errors.items() if count}
                assert list(counted.values()) == [1], counted
        finally:
            sampler.stop()

    @staticmethod
    def measured(found: Sequence[Sensor]) -> Iterator[Sensor]:
        """Those that measure: a model cannot be lost."""
        return (s for s in found if getattr(s, "method", "") != "modelled")


def _page(registry: CollectorRegistry) -> tuple[list[str], dict[str, float]]:
    """The names of a sensor's series on the page, and whether each is up."""
    about = {"wattscan_sensor_up", "wattscan_sensor_read_errors_total"}
    samples = [sample for family in registry.collect() for sample in family.samples]
    shown = [s.name for s in samples if s.name not in about and "sensor" in s.labels]
    up = {s.labels["sensor"]: s.value for s in samples if s.name == "wattscan_sensor_up"}
    return shown, up
