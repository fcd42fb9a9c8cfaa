"""A page says how old its readings are, and waits for none: a slow plug beside a fast counter."""

import threading
import time

import pytest
from prometheus_client import CollectorRegistry
from sampler_rig import PROVEN, TARGET, Counter, Meter, Rig

from wattscan.contracts import EnergyReading, PowerReading, SensorChoice
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Joules, Seconds, Watts

BEGIN = time.monotonic()
DOMAIN = {"target": TARGET.name, "sensor": "rapl", "domain": "package-0"}
LABELS = {**DOMAIN, "scope": "chip", "method": "counter"}


def truth(moment):
    """40 W, and 140 W in every other half second: J since the test began."""
    whole, rest = divmod(moment - BEGIN, 1.0)
    return whole * 90 + 40 * rest + 100 * max(0.0, rest - 0.5)


class Device(Counter):
    update_period = Seconds(0.001)

    def read_energy(self):
        return [EnergyReading("package-0", "chip", Joules(truth(time.monotonic())), None)]


class Plug(Meter):
    name = "plug"

    def __init__(self):
        self.asked, self.answer = threading.Event(), threading.Event()

    def read_power(self):
        self.asked.set()
        self.answer.wait(0.7)
        return [PowerReading("inlet", "system", Watts(90.0))]


@pytest.fixture
def watched():
    plug = Plug()
    plug.answer.set()
    found = [FoundSensor(s, SensorChoice(s.name, {}), PROVEN) for s in (Device(), plug)]
    sampler = Sampler(found, Seconds(0.05), Ledger())
    registry = CollectorRegistry()
    registry.register(TelemetryCollector(TARGET, sampler, Ledger()))
    sampler.start()
    plug.answer.clear()
    yield sampler, registry, plug
    plug.answer.set()
    sampler.stop()


@pytest.mark.slow
def test_a_fast_counter_beside_a_slow_plug_agrees_with_the_truth(watched):
    _, registry, plug = watched
    assert plug.asked.wait(5)
    points = []
    for _ in range(40):
        stamp = time.monotonic()
        page = {s.name: s.value for f in registry.collect() for s in f.samples
                if s.labels.items() >= DOMAIN.items()}  # fmt: skip
        read_at = stamp - page["wattscan_sensor_reading_age_seconds"]
        points.append((read_at, page["wattscan_energy_joules_total"]))
        time.sleep(0.05)
    (begin, first), (end, last) = points[0], points[-1]
    assert last - first == pytest.approx(truth(end) - truth(begin), rel=0.002)


def test_a_page_does_not_wait_for_a_sensor_that_does_not_answer(watched):
    sampler, registry, plug = watched
    plug.asked.clear()
    assert plug.asked.wait(5), "it is being read"
    answers = [state.answers for state in sampler.states if state.sensor is plug]
    registry.collect()
    assert registry.get_sample_value("wattscan_energy_joules_total", LABELS) is not None
    assert answers == [state.answers for state in sampler.states if state.sensor is plug]


def test_the_age_is_that_of_the_reading_that_the_energy_includes():
    rig = Rig()
    for _ in range(3):
        rig.tick()
    rig.clock.now += 0.07
    age = {key: LABELS[key] for key in ("sensor", "domain")}
    assert rig.shown("wattscan_sensor_reading_age_seconds", **age) == pytest.approx(0.07)
    rig.sampler.sample()  # its count stands still: the energy is as old as before
    assert rig.shown("wattscan_sensor_reading_age_seconds", **age) == pytest.approx(0.07)
    rig.counter.count += 1.0
    assert rig.value("wattscan_sensor_reading_age_seconds", **age) == 0


def test_a_page_has_the_time_at_which_it_was_made(monkeypatch):
    monkeypatch.setattr("wattscan.telemetry.exporter.time.time", lambda: 1_795_000_000.5)
    assert Rig().value("wattscan_page_timestamp_seconds") == 1_795_000_000.5


def test_a_sensor_that_measures_tells_how_often_its_figure_is_renewed():
    rig = Rig(update_period=Seconds(8.0))
    rig.tick()
    assert rig.value("wattscan_sensor_update_period_seconds", sensor="rapl") == 8.0
    assert rig.value("wattscan_sensor_update_period_seconds", sensor="zones") is None
