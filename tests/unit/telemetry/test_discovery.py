import threading
from dataclasses import replace

import pytest
from moving_rapl import moving

from wattscan.contracts import SensorChoice, WattscanError
from wattscan.targets import load_target
from wattscan.telemetry.discovery import discover

CPU = load_target("cpu")


@pytest.fixture
def rapl(tmp_path):
    with moving({"package-0": 30.0}, tmp_path):
        yield tmp_path


def test_nothing_measured_leaves_the_model(tmp_path):
    found = discover(CPU, tmp_path)
    assert [each.sensor.name for each in found.sensors] == ["cpu_model"]
    assert {"rapl", "rapl_perf", "power_supply", "hwmon", "thermal_zone"} == set(found.absent)


def test_the_model_steps_back_when_something_measures(rapl):
    found = discover(CPU, rapl)
    assert [each.sensor.name for each in found.sensors] == ["rapl"]
    assert "is measured" in found.absent["cpu_model"]


def test_wrong_settings_name_the_sensor(tmp_path):
    target = replace(CPU, sensors=(SensorChoice("cpu_model", {"idle_watts_per_core": 1}),))
    with pytest.raises(WattscanError, match="sensor cpu_model: busy_watts_per_core is missing"):
        discover(target, tmp_path)


def test_an_unknown_sensor_is_told(tmp_path):
    target = replace(CPU, sensors=(SensorChoice("barometer", {}),))
    with pytest.raises(WattscanError, match="no sensor called 'barometer'"):
        discover(target, tmp_path)


@pytest.mark.parametrize("value", [-5, float("nan"), float("inf"), "x", True])
def test_a_setting_that_is_no_number_from_0_on(tmp_path, value):
    settings = {"idle_watts_per_core": value, "busy_watts_per_core": 1, "uncertainty_ratio": 0}
    target = replace(CPU, sensors=(SensorChoice("cpu_model", settings),))
    with pytest.raises(WattscanError, match="idle_watts_per_core must be a number from 0 on"):
        discover(target, tmp_path)


def test_a_sensor_that_another_one_replaces_is_not_looked_for(rapl):
    assert discover(CPU, rapl).absent["rapl_perf"] == "not needed: rapl is here"


def test_a_driver_s_bug_hides_its_own_sensor_only(rapl, monkeypatch):
    def fail(settings, sysfs):
        raise ZeroDivisionError("bug")

    monkeypatch.setattr("wattscan.sensors.hwmon.find", fail)
    found = discover(CPU, rapl)
    assert found.absent["hwmon"] == "its driver failed: ZeroDivisionError: bug"
    assert [each.sensor.name for each in found.sensors] == ["rapl"]


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt()])
def test_a_driver_cannot_end_the_process(rapl, monkeypatch, raised):
    def fail(settings, sysfs):
        raise raised

    monkeypatch.setattr("wattscan.sensors.hwmon.find", fail)
    found = discover(CPU, rapl)
    assert found.absent["hwmon"] == f"its driver failed: it raised {type(raised).__name__}"
    assert [each.sensor.name for each in found.sensors] == ["rapl"]


def test_a_driver_that_never_comes_back_is_awaited(rapl, monkeypatch):
    blocked = threading.Event()
    monkeypatch.setattr("wattscan.sensors.hwmon.find", lambda *_: blocked.wait(20))
    monkeypatch.setattr("wattscan.telemetry.discovery.SEARCH_TIMEOUT", 0.1)
    found = discover(CPU, rapl)
    blocked.set()
    assert found.absent["hwmon"] == "to look for it takes more than 0.1 s"
    assert [choice.name for choice in found.awaited] == ["hwmon"]
    assert [each.sensor.name for each in found.sensors] == ["rapl"]


@pytest.mark.parametrize("temperature", [False, True])
def test_a_laptop_on_the_plug_keeps_the_model(tmp_path, temperature):
    battery = tmp_path / "class/power_supply/BAT0"
    battery.mkdir(parents=True)
    for name, text in (("type", "Battery"), ("status", "Full"), ("power_now", "1000000")):
        (battery / name).write_text(text)
    if temperature:
        (battery / "temp").write_text("315")
    found = discover(CPU, tmp_path)
    assert "cpu_model" in [each.sensor.name for each in found.sensors]
    assert [choice.name for choice in found.awaited] == ["power_supply"]
