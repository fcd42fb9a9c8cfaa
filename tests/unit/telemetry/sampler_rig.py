"""A sampler with a counter, a meter and a thermometer, on a clock that the test sets."""

from collections.abc import Callable, Sequence

from ledger_rig import Clock
from prometheus_client import CollectorRegistry, generate_latest

from wattscan.contracts import (
    Batching,
    EnergyReading,
    Method,
    PaperReading,
    PowerReading,
    SensorChoice,
    Target,
    TemperatureReading,
)
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.proof import SensorEvidence
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Celsius, Joules, Seconds, Watts

TARGET = Target(
    name="bench-board",
    title="A board",
    backend="openvino",
    backend_settings={},
    sensors=(),
    sample_interval=Seconds(0.1),
    paper=PaperReading(domain="gpu-rail"),
    batching=Batching(queue_limit=4),
)


PROVEN = SensorEvidence(frozenset({"package-0", "gpu-rail", "inlet", "board", "gpu"}))


class Fallible:
    failure: Exception | None = None

    def check(self):
        if self.failure:
            raise self.failure


class Counter(Fallible):
    name, uncertainty_ratio = "rapl", 0.05
    method: Method = "counter"
    count = 100.0
    # What some counters have besides; a test that needs it gives it.
    unreadable: dict[str, str]
    device_domains: Callable[..., Sequence[str]]

    def read_energy(self):
        self.check()
        return [EnergyReading("package-0", "chip", Joules(self.count), Joules(100_000.0))]


class Meter(Fallible):
    name, uncertainty_ratio = "ina3221", 0.02
    watts = 4.0

    def read_power(self):
        self.check()
        return [PowerReading("gpu-rail", "rail", Watts(self.watts))]


class Thermometer(Fallible):
    name = "zones"

    def read_temperature(self):
        self.check()
        return [TemperatureReading("zone0", Celsius(41.5))]


class Rig:
    def __init__(self, thermometer=None, **choice):
        self.clock = Clock()
        self.counter, self.meter = Counter(), Meter()
        self.thermometer = thermometer or Thermometer()
        self.ledger = Ledger(self.clock)
        sensors = [
            FoundSensor(sensor, SensorChoice(sensor.name, {}, **choice), PROVEN)
            for sensor in (self.counter, self.meter, self.thermometer)
        ]
        self.sampler = Sampler(sensors, Seconds(0.1), self.ledger, self.clock)
        self.registry = CollectorRegistry()
        self.registry.register(TelemetryCollector(TARGET, self.sampler, self.ledger))

    def tick(self, joules=1.0, seconds=0.1):
        self.clock.now += seconds
        self.counter.count += joules
        self.sampler.tick()

    def page(self):
        self.sampler.sample()
        return generate_latest(self.registry).decode()

    def value(self, name, **labels):
        self.sampler.sample()
        return self.shown(name, **labels)

    def shown(self, name, **labels):
        return self.registry.get_sample_value(name, {"target": "bench-board", **labels})


COUNTER = {"sensor": "rapl", "domain": "package-0", "scope": "chip", "method": "counter"}
METER = {"sensor": "ina3221", "domain": "gpu-rail", "scope": "rail", "method": "integrated"}
