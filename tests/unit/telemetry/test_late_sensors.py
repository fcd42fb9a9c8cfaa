"""Sensors that are set, and come when the service runs already."""

import itertools
import threading
import time
from dataclasses import replace

import pytest

from waiting import wait_until
from wattscan import textfile
from wattscan.contracts import PowerReading, SensorAbsent, SensorChoice, TemperatureReading
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.late_sensors import LateSensors
from wattscan.telemetry.live import rows
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.unused import unused_names
from wattscan.units import Celsius, Seconds, Watts

pytestmark = pytest.mark.concurrency

INLET = PowerReading("inlet", "system", Watts(4.0))


@pytest.fixture
def running(tmp_path):
    """Starts what a service starts, for the sensors given; ends it."""
    ended = []

    def run(*choices):
        target = replace(load_target("cpu"), sensors=choices)
        found = discover(target, tmp_path / "sys")
        sampler = Sampler(found.sensors, Seconds(0.02), Ledger())
        late_sensors = LateSensors(found.awaited, tmp_path / "sys", sampler, Seconds(0.02))
        sampler.start()
        late_sensors.start()
        ended.extend((late_sensors.stop, sampler.stop))
        return found, sampler, late_sensors

    yield run
    for end in ended:
        end()


def bridge(folder, **common):
    return SensorChoice("bridge", {"folder": str(folder)}, **common)


def push(folder, condition):
    """A meter that hands over, again and again, a power that moves; until the condition holds."""
    watts = itertools.cycle((4.0, 4.1))

    def pushed():
        textfile.write(folder, "meter", [replace(INLET, power=Watts(next(watts)))])
        return condition()

    wait_until(pushed)


def test_one_that_comes_is_read_and_the_tables_take_it_where_they_had_none(running, tmp_path):
    folder = tmp_path / "readings"
    found, sampler, _ = running(bridge(folder))
    assert [(row.state, row.sensor) for row in rows(found, sampler)] == [("absent", "bridge")]
    assert sampler.table is None
    textfile.write(folder, "meter", [INLET])
    wait_until(lambda: [row.state for row in rows(found, sampler)] == ["proving"])
    assert sampler.table is None, "it has not moved yet"
    push(folder, lambda: sampler.table is not None and sampler.table.domain == "inlet")
    push(folder, lambda: rows(found, sampler)[0].energy)
    assert [(row.state, row.sensor) for row in rows(found, sampler)] == [("table", "bridge")]


def test_what_measures_replaces_a_model_whenever_it_is_proven(running, tmp_path):
    model = SensorChoice(
        "cpu_model",
        {"idle_watts_per_core": 1.0, "busy_watts_per_core": 1.0, "uncertainty_ratio": 0.5},
    )
    folder = tmp_path / "readings"
    found, sampler, _ = running(bridge(folder), model)
    wait_until(lambda: sampler.table is not None)
    sampler._source._begin = Seconds(-60.0)  # past the first seconds, in which a better one may
    textfile.write(folder, "meter", [INLET])
    wait_until(lambda: len(rows(found, sampler)) == 2)
    assert sampler.table.sensor == "cpu_model"
    push(folder, lambda: sampler.table.sensor == "bridge")


def test_nobody_looks_for_what_cannot_come(running, tmp_path):
    found, _, late_sensors = running(SensorChoice("rapl", {}), SensorChoice("bridge", {}))
    assert set(found.absent) == {"rapl", "bridge"}
    assert not late_sensors.threads


def ended(late_sensors):
    for thread in late_sensors.threads:
        thread.join(10)
    return not any(thread.is_alive() for thread in late_sensors.threads)


def test_it_ends_when_it_is_told_and_when_all_are_here(running, tmp_path):
    *_, first = running(bridge(tmp_path / "never"))
    first.stop()
    assert ended(first)
    log = tmp_path / "tgpro.csv"
    _, sampler, second = running(SensorChoice("tgpro", {"file": str(log)}))
    log.write_text("Date,CPU\n2026-11-22 10:00:05,41\n")
    assert ended(second)
    assert [state.sensor.name for state in sampler.states] == ["tgpro"]


def test_what_a_sensor_gives_later_is_added_to_what_it_gave_first(running, tmp_path):
    """A camera hands over first, and a meter later; then the camera's file goes."""
    camera = textfile.write(tmp_path, "camera", [TemperatureReading("lid", Celsius(41.0))])
    _, sampler, _ = running(bridge(tmp_path))
    assert sampler.table is None
    push(tmp_path, lambda: sampler.table is not None)
    camera.unlink()
    time.sleep(0.2)
    assert [s.sensor.name for s in sampler.states] == ["bridge_temperature", "bridge"]


def test_one_that_never_comes_back_holds_up_none_of_the_others(running, tmp_path, monkeypatch):
    blocked = threading.Event()
    monkeypatch.setattr("wattscan.sensors.shelly.find", lambda *_: blocked.wait(20))
    monkeypatch.setattr("wattscan.telemetry.discovery.SEARCH_TIMEOUT", Seconds(0.1))
    folder = tmp_path / "readings"
    found, sampler, _ = running(SensorChoice("shelly", {"host": "x"}), bridge(folder))
    try:
        assert "takes more than 0.1 s" in found.absent["shelly"]
        textfile.write(folder, "meter", [INLET])
        wait_until(lambda: [s.sensor.name for s in sampler.states] == ["bridge"])
    finally:
        blocked.set()


def test_a_driver_that_raises_what_ends_processes_is_asked_again(running, tmp_path, monkeypatch):
    asked = []

    def find(*_):
        asked.append(None)
        raise SensorAbsent("not yet", awaited=True) if len(asked) == 1 else SystemExit(3)

    monkeypatch.setattr("wattscan.sensors.shelly.find", find)
    running(SensorChoice("shelly", {"host": "x"}))
    wait_until(lambda: len(asked) > 3)


def test_a_floor_of_a_domain_that_never_comes_is_told(running, tmp_path):
    textfile.write(tmp_path, "meter", [INLET])
    textfile.write(tmp_path, "lid", [TemperatureReading("camera", Celsius(20.0))])
    _, sampler, _ = running(bridge(tmp_path, floors={"inlet": Watts(1.0), "inlte": Watts(1.0)}))
    push(tmp_path, lambda: all(state.up for state in sampler.states))
    assert unused_names(sampler) == [
        "floor_watts of inlte is not used: the sensor bridge gives inlet"
    ]
