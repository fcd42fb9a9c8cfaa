"""Sensors that are set, and come when the service runs already."""

import time
from dataclasses import replace

import pytest

from wattscan import textfile
from wattscan.contracts import PowerReading, SensorChoice, TemperatureReading
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.latecomers import Latecomers
from wattscan.telemetry.live import rows
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.unused import unused_names
from wattscan.units import Celsius, Seconds, Watts

INLET = PowerReading("inlet", "system", Watts(4.0))


@pytest.fixture
def running(tmp_path):
    """Starts what a service starts, for the sensors given; ends it."""
    ended = []

    def run(*choices):
        target = replace(load_target("cpu"), sensors=choices)
        found = discover(target, tmp_path / "sys")
        sampler = Sampler(found.sensors, Seconds(0.02), Ledger())
        latecomers = Latecomers(found.awaited, tmp_path / "sys", sampler, Seconds(0.02))
        sampler.start()
        latecomers.start()
        ended.extend((latecomers.stop, sampler.stop))
        return found, sampler, latecomers

    yield run
    for end in ended:
        end()


def bridge(folder, **common):
    return SensorChoice("bridge", {"folder": str(folder)}, **common)


def until(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_one_that_comes_is_read_and_the_tables_take_it_where_they_had_none(running, tmp_path):
    folder = tmp_path / "readings"
    found, sampler, _ = running(bridge(folder))
    assert [(row.state, row.sensor) for row in rows(found, sampler)] == [("absent", "bridge")]
    assert sampler.table is None
    textfile.write(folder, "meter", [INLET])
    until(lambda: sampler.table is not None and sampler.table.domain == "inlet")
    until(lambda: rows(found, sampler)[0].energy)
    assert [(row.state, row.sensor) for row in rows(found, sampler)] == [("table", "bridge")]


def test_it_does_not_replace_what_the_tables_read(running, tmp_path):
    model = SensorChoice(
        "cpu_model",
        {"idle_watts_per_core": 1.0, "busy_watts_per_core": 1.0, "uncertainty_ratio": 0.5},
    )
    folder = tmp_path / "readings"
    found, sampler, _ = running(bridge(folder), model)
    until(lambda: sampler.table is not None)
    sampler._source._begin = Seconds(-60.0)  # past the first seconds, in which a better one may
    textfile.write(folder, "meter", [INLET])
    until(lambda: len(rows(found, sampler)) == 2)
    assert sampler.table.sensor == "cpu_model"


def test_nobody_looks_for_what_cannot_come(running, tmp_path):
    found, _, latecomers = running(SensorChoice("rapl", {}), SensorChoice("bridge", {}))
    assert set(found.absent) == {"rapl", "bridge"}
    assert not latecomers._thread.is_alive()


def test_it_ends_when_it_is_told_and_when_all_are_here(running, tmp_path):
    *_, first = running(bridge(tmp_path / "never"))
    first.stop()
    first._thread.join(10)
    assert not first._thread.is_alive()
    folder = tmp_path / "readings"
    *_, second = running(bridge(folder))
    textfile.write(folder, "meter", [INLET])
    second._thread.join(10)
    assert not second._thread.is_alive()


def test_a_floor_of_a_domain_that_never_comes_is_told(running, tmp_path):
    textfile.write(tmp_path, "meter", [INLET, TemperatureReading("camera", Celsius(20.0))])
    _, sampler, _ = running(bridge(tmp_path, floors={"inlet": Watts(1.0), "inlte": Watts(1.0)}))
    assert unused_names(sampler) == [
        "floor_watts of inlte is not used: the sensor bridge gives inlet"
    ]
